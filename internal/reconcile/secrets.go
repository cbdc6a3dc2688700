package reconcile

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// updateSecret changes a secret. It is sent again when the answer was lost,
// since the secret then is as it was to become.
func (t *run) updateSecret() procedure {
	return procedure{send: t.send, round: t.send, inspect: t.inspectUpdate}
}

// inspectUpdate looks whether a secret was changed since the baseline and is
// as it was to become. A secret whose time of change is that of the baseline
// was not changed. A value cannot be seen, so of a secret that was changed
// nobody can say whether it has the new value.
func (t *run) inspectUpdate(ctx context.Context) (change.Result, error) {
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

// asUpdated says whether the scopes and the comment of a secret are those that
// an update sets.
func asUpdated(secret upstream.Secret, sets change.Update) bool {
	return (sets.Scopes == nil || sameScopes(secret.Scopes, sets.Scopes)) &&
		(!sets.Comment.Change || sameComment(secret.Comment, sets.Comment.Text))
}

// deleteSecret deletes a secret. One that is gone after a lost answer was
// deleted, unless it was not there before.
func (t *run) deleteSecret() procedure {
	lacked := len(t.lacked(nil)) > 0
	return procedure{
		send: t.send,
		round: func(ctx context.Context) (change.Result, error) {
			r, err := t.send(ctx)
			return gone(r, err, lacked)
		},
		inspect: func(ctx context.Context) (change.Result, error) {
			left, err := t.left(ctx)
			if err != nil || len(left) > 0 {
				return change.Result{}, orNotDone(err)
			}
			return gone(change.Result{}, missing("secret"), lacked)
		},
	}
}

// deleteSecrets deletes several secrets. Those that are left are deleted when
// the answer was lost.
func (t *run) deleteSecrets() procedure {
	return procedure{send: t.send, round: t.deleteLeft, inspect: t.inspectDeleted}
}

// deleteLeft deletes what is left. Secrets that were not there before are asked
// for too, so that Cloudflare refuses the change as it would have at first.
func (t *run) deleteLeft(ctx context.Context) (change.Result, error) {
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
		// Something went after the look: perhaps an earlier request has landed.
		return r, errAgain
	}
	return r, err
}

func (t *run) inspectDeleted(ctx context.Context) (change.Result, error) {
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
	// The others are gone, by this change or by another one.
	return change.Result{}, change.ErrPartlyDone
}

// left gives those of the secrets that the store still holds.
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

// lacked gives those of the secrets that are not left and were not there before.
func (t *run) lacked(left []string) []string {
	var lacked []string
	for _, id := range t.op().SecretIDs {
		if !slices.Contains(left, id) && t.change.Baseline.LacksSecret(id) {
			lacked = append(lacked, id)
		}
	}
	return lacked
}
