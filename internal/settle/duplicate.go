package settle

import (
	"context"

	"platform.internal/storekeeper/internal/upstream"
)

// DuplicateSecret copies a secret. When the answer was lost, what was made
// under the name since the baseline is adopted and given the scopes and the
// comment that were asked for. Its value stays, which nobody here knows.
func (s *Settler) DuplicateSecret(ctx context.Context, p upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error) {
	ctx, t := s.begin(ctx, "DuplicateSecret", p.Account)
	n := &single[upstream.Secret]{
		trial: t, sort: "secret", name: p.Name,
		create: func(ctx context.Context) (upstream.Answer[upstream.Secret], error) {
			return s.next.DuplicateSecret(ctx, p)
		},
		find: func(ctx context.Context) (*upstream.Secret, bool, error) {
			named, err := t.secrets(ctx, p.StoreID)
			secret, there := named[p.Name]
			if err != nil || !there {
				return nil, false, err
			}
			return &secret, t.operation.Baseline.madeSecret(secret), nil
		},
		idOf: func(s upstream.Secret) string { return s.ID },
		asked: func(s upstream.Secret) bool {
			return sameScopes(s.Scopes, p.Scopes) && sameComment(s.Comment, p.Comment)
		},
		adopt: func(ctx context.Context, found upstream.Secret) (upstream.Answer[upstream.Secret], error) {
			return s.next.UpdateSecret(ctx, upstream.UpdateSecretParams{
				Account: p.Account, StoreID: p.StoreID, SecretID: found.ID,
				Scopes: p.Scopes, Comment: upstream.CommentChange{Change: true, Text: p.Comment},
			})
		},
	}
	return run(ctx, t, n.course())
}
