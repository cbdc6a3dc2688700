package settle

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/upstream"
)

// UpdateSecret changes a secret. It is sent again when the answer was lost,
// since the secret then is as it was to become.
func (s *Settler) UpdateSecret(ctx context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	ctx, t := s.begin(ctx, "UpdateSecret", p.Account)
	update := func(ctx context.Context) (upstream.Answer[upstream.Secret], error) {
		return s.next.UpdateSecret(ctx, p)
	}
	return run(ctx, t, course[upstream.Secret]{
		send: update,
		round: func(ctx context.Context) (upstream.Answer[upstream.Secret], error) {
			return send(ctx, t, update)
		},
		inspect: func(ctx context.Context) (upstream.Answer[upstream.Secret], error) {
			return t.inspectUpdate(ctx, p)
		},
	})
}

// inspectUpdate looks whether a secret was changed since the baseline and is
// as it was to become. A secret whose time of change is that of the baseline
// was not changed. A value cannot be seen, so of a secret that was changed
// nobody can say whether it has the new value.
func (t *trial) inspectUpdate(ctx context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	named, err := t.secrets(ctx, p.StoreID)
	if err != nil {
		return upstream.Answer[upstream.Secret]{}, err
	}
	before := t.operation.Baseline
	for _, secret := range named {
		if secret.ID != p.SecretID {
			continue
		}
		modified, known := before.Modified[secret.ID]
		switch {
		case known && secret.Modified.Equal(modified), !secret.Modified.After(before.Since.Add(-margin)):
			return upstream.Answer[upstream.Secret]{}, ErrNotDone
		case p.Value == nil && secret.Modified.After(before.Since) && asUpdated(secret, p):
			return upstream.Answer[upstream.Secret]{Result: secret}, nil
		}
		return upstream.Answer[upstream.Secret]{}, ErrUnproven
	}
	if before.stranger(p.SecretID) {
		return upstream.Answer[upstream.Secret]{}, missing("secret")
	}
	return upstream.Answer[upstream.Secret]{}, ErrUnproven
}

// asUpdated says whether the scopes and the comment of a secret are those that
// an update asked for.
func asUpdated(secret upstream.Secret, p upstream.UpdateSecretParams) bool {
	return (p.Scopes == nil || sameScopes(secret.Scopes, p.Scopes)) &&
		(!p.Comment.Change || sameComment(secret.Comment, p.Comment.Text))
}

// DeleteSecret deletes a secret. One that is gone after a lost answer was
// deleted, unless it was not there before.
func (s *Settler) DeleteSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	ctx, t := s.begin(ctx, "DeleteSecret", p.Account)
	remove := func(ctx context.Context) (upstream.Answer[upstream.None], error) { return s.next.DeleteSecret(ctx, p) }
	strange := t.operation.Baseline.stranger(p.SecretID)
	return run(ctx, t, course[upstream.None]{
		send: remove,
		round: func(ctx context.Context) (upstream.Answer[upstream.None], error) {
			answer, err := send(ctx, t, remove)
			return gone(answer, err, strange)
		},
		inspect: func(ctx context.Context) (upstream.Answer[upstream.None], error) {
			left, err := t.left(ctx, p.StoreID, []string{p.SecretID})
			if err != nil || len(left) > 0 {
				return upstream.Answer[upstream.None]{}, orNotDone(err)
			}
			return gone(upstream.Answer[upstream.None]{}, missing("secret"), strange)
		},
	})
}

// DeleteSecrets deletes several secrets. Those that are left are deleted when
// the answer was lost.
func (s *Settler) DeleteSecrets(ctx context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	ctx, t := s.begin(ctx, "DeleteSecrets", p.Account)
	return run(ctx, t, course[upstream.None]{
		send:    func(ctx context.Context) (upstream.Answer[upstream.None], error) { return s.next.DeleteSecrets(ctx, p) },
		round:   func(ctx context.Context) (upstream.Answer[upstream.None], error) { return t.deleteLeft(ctx, p) },
		inspect: func(ctx context.Context) (upstream.Answer[upstream.None], error) { return t.inspectDeleted(ctx, p) },
	})
}

// deleteLeft deletes what is left. Secrets that were not there before are asked
// for too, so that Cloudflare refuses the change as it would have at first.
func (t *trial) deleteLeft(ctx context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	left, err := t.left(ctx, p.StoreID, p.IDs)
	if err != nil {
		return upstream.Answer[upstream.None]{}, err
	}
	strange := t.strange(p.IDs, left)
	rest := p
	rest.IDs = slices.Concat(left, strange)
	if len(rest.IDs) == 0 {
		return upstream.Answer[upstream.None]{}, nil
	}
	answer, err := send(ctx, t, func(ctx context.Context) (upstream.Answer[upstream.None], error) {
		return t.next.DeleteSecrets(ctx, rest)
	})
	if isNotFound(err) && len(strange) == 0 {
		// Something went after the look: perhaps an earlier request has landed.
		return answer, errAgain
	}
	return answer, err
}

func (t *trial) inspectDeleted(ctx context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	left, err := t.left(ctx, p.StoreID, p.IDs)
	switch {
	case err != nil:
		return upstream.Answer[upstream.None]{}, err
	case len(left) > 0 && len(left)+len(t.strange(set(p.IDs), left)) == len(set(p.IDs)):
		return upstream.Answer[upstream.None]{}, ErrNotDone
	case len(left) > 0:
		return upstream.Answer[upstream.None]{}, ErrPartlyDone
	}
	switch strange := t.strange(set(p.IDs), nil); len(strange) {
	case 0:
		return upstream.Answer[upstream.None]{}, nil
	case len(set(p.IDs)):
		return upstream.Answer[upstream.None]{}, missing("secret")
	}
	// The others are gone, by this change or by another one.
	return upstream.Answer[upstream.None]{}, ErrPartlyDone
}

// left gives those of the secrets that a store still holds.
func (t *trial) left(ctx context.Context, storeID string, ids []string) ([]string, error) {
	named, err := t.secrets(ctx, storeID)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(named))
	for _, secret := range named {
		there[secret.ID] = true
	}
	var left []string
	for _, id := range ids {
		if there[id] && !slices.Contains(left, id) {
			left = append(left, id)
		}
	}
	return left, nil
}

// strange gives those of the secrets that are not there and were not before.
func (t *trial) strange(ids, left []string) []string {
	var strange []string
	for _, id := range ids {
		if !slices.Contains(left, id) && t.operation.Baseline.stranger(id) {
			strange = append(strange, id)
		}
	}
	return strange
}
