package reconcile

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// secretUpdate updates a secret. It is sent again if the answer was lost, because an update is idempotent.
type secretUpdate struct{ *run }

func (t secretUpdate) round(ctx context.Context) (change.Result, error) { return t.send(ctx) }

// inspect checks whether a secret was modified since the baseline and is as requested. A secret with
// the modification time of the baseline was not updated. Values cannot be read, so an update that sets a
// value is unproven.
func (t secretUpdate) inspect(ctx context.Context) (change.Result, error) {
	named, err := t.secrets(ctx)
	if err != nil {
		return change.Result{}, err
	}
	before, sets := t.change.Baseline, t.op().Update
	for _, secret := range named {
		if !slices.Contains(t.op().SecretIDs, secret.ID) {
			continue
		}
		modified, known := before.Modified[secret.ID]
		switch {
		case known && secret.Modified.Equal(modified), !secret.Modified.After(before.Since.Add(-change.Margin)):
			return change.Result{}, change.ErrNotDone
		case !sets.Value && secret.Modified.After(before.Since) && asUpdated(secret, sets):
			return change.Result{Secrets: []upstream.Secret{secret}}, nil
		}
		return change.Result{}, change.ErrUnproven
	}
	if len(t.lacked(nil)) > 0 {
		return change.Result{}, missing("secret")
	}
	return change.Result{}, change.ErrUnproven
}

// asUpdated reports whether a secret has the scopes and the comment of an update.
func asUpdated(secret upstream.Secret, sets change.Update) bool {
	return (sets.Scopes == nil || sameScopes(secret.Scopes, sets.Scopes)) &&
		(!sets.Comment.Change || sameComment(secret.Comment, sets.Comment.Text))
}

// secretDeletion deletes a secret. A secret that is gone after a lost answer counts as deleted, unless the
// baseline lacks the secret.
type secretDeletion struct{ *run }

func (t secretDeletion) round(ctx context.Context) (change.Result, error) {
	r, err := t.send(ctx)
	return gone(r, err, len(t.lacked(nil)) > 0)
}

func (t secretDeletion) inspect(ctx context.Context) (change.Result, error) {
	left, err := t.left(ctx)
	if err != nil || len(left) > 0 {
		return change.Result{}, orNotDone(err)
	}
	return gone(change.Result{}, missing("secret"), len(t.lacked(nil)) > 0)
}

// secretsDeletion deletes several secrets.
type secretsDeletion struct{ *run }

// round deletes the remaining secrets. It also names secrets that the baseline lacks, so that Cloudflare
// refuses the change as at first.
func (t secretsDeletion) round(ctx context.Context) (change.Result, error) {
	left, err := t.left(ctx)
	if err != nil {
		return change.Result{}, err
	}
	lacked := t.lacked(left)
	rest := *t.op()
	rest.SecretIDs = slices.Concat(left, lacked)
	if len(rest.SecretIDs) == 0 {
		return change.Result{}, nil
	}
	r, err := t.sendAs(ctx, rest, nil)
	if isNotFound(err) && len(lacked) == 0 {
		// A secret was deleted after the lookup, perhaps by an earlier request.
		return r, errAgain
	}
	return r, err
}

func (t secretsDeletion) inspect(ctx context.Context) (change.Result, error) {
	left, err := t.left(ctx)
	all := len(set(t.op().SecretIDs))
	switch {
	case err != nil:
		return change.Result{}, err
	case len(left) > 0 && len(left)+len(set(t.lacked(left))) == all:
		return change.Result{}, change.ErrNotDone
	case len(left) > 0:
		return change.Result{}, change.ErrPartlyDone
	}
	switch len(set(t.lacked(nil))) {
	case 0:
		return change.Result{}, nil
	case all:
		return change.Result{}, missing("secret")
	}
	// The other secrets are gone. This change or another change may have deleted them.
	return change.Result{}, change.ErrPartlyDone
}

// left returns the secrets of the change that the store still has.
func (t *run) left(ctx context.Context) ([]string, error) {
	named, err := t.secrets(ctx)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(named))
	for _, secret := range named {
		there[secret.ID] = true
	}
	var left []string
	for _, id := range t.op().SecretIDs {
		if there[id] && !slices.Contains(left, id) {
			left = append(left, id)
		}
	}
	return left, nil
}

// lacked returns the secrets of the change that are not in left and that the baseline lacks.
func (t *run) lacked(left []string) []string {
	var lacked []string
	for _, id := range t.op().SecretIDs {
		if !slices.Contains(left, id) && t.change.Baseline.LacksSecret(id) {
			lacked = append(lacked, id)
		}
	}
	return lacked
}
