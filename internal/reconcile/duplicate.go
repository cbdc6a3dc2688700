package reconcile

import (
	"context"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// duplicateSecret copies a secret. If the answer was lost, it adopts a secret created under the name since
// the baseline, and sets the scopes and the comment. The value stays, because Storekeeper does not know the
// value.
func (t *run) duplicateSecret() *singleCreate {
	var wanted change.NewSecret
	if made := t.op().Secrets; len(made) > 0 {
		wanted = made[0]
	}
	return &singleCreate{
		run: t, sort: "secret", name: wanted.Name, find: (*singleCreate).findSecret,
		asked: func(r change.Result) bool {
			s := r.Secret()
			return sameScopes(s.Scopes, wanted.Scopes) && sameComment(s.Comment, wanted.Comment)
		},
		adopt: func(ctx context.Context, found change.Result) (change.Result, error) {
			return t.bringTo(ctx, found.Secret().ID, wanted, nil)
		},
	}
}

func (n *singleCreate) findSecret(ctx context.Context) (found *change.Result, ours bool, err error) {
	named, err := n.secrets(ctx)
	secret, there := named[n.name]
	if err != nil || !there {
		return nil, false, err
	}
	return &change.Result{Secrets: []upstream.Secret{secret}}, n.change.Baseline.CanHaveMadeSecret(secret), nil
}

// bringTo updates an existing secret to the request, including the value if known.
func (t *run) bringTo(ctx context.Context, id string, wanted change.NewSecret, value change.Values) (change.Result, error) {
	op := change.Op{
		Kind: change.UpdateSecret, Account: t.op().Account, StoreID: t.op().StoreID, SecretIDs: []string{id},
		Update: change.Update{
			Value: len(value) > 0, Scopes: wanted.Scopes, Comment: upstream.CommentChange{Change: true, Text: wanted.Comment},
		},
		Caller: t.op().Caller, Tenant: t.op().Tenant,
	}
	return t.sendAs(ctx, op, value)
}
