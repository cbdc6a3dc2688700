// Package changetest serves tests of the steps of a change.
package changetest

import (
	"context"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// Calls makes changes from the parameters of Cloudflare calls. The Attempt comes from the context (see
// change.With).
type Calls struct{ Next change.Next }

var _ change.Cloudflare = Calls{}

// Through returns Calls that go through a step to a Cloudflare.
func Through(step change.Step, to change.Cloudflare) Calls {
	return Calls{func(ctx context.Context, a *change.Attempt) (change.Result, error) {
		return step(ctx, a, change.Send(to))
	}}
}

func (c Calls) apply(ctx context.Context, op change.Op, values ...upstream.Value) (change.Result, error) {
	a := change.Attempt{}
	if known := change.From(ctx); known != nil {
		a = *known
	}
	op.Caller, op.Tenant = a.Op.Caller, a.Op.Tenant
	a.Op, a.Values = op, values
	return c.Next(ctx, &a)
}

func answer[T any](r change.Result, result T, err error) (upstream.Answer[T], error) {
	return upstream.Answer[T]{Result: result, Info: r.Info, Notices: r.Notices, Ray: r.Ray}, err
}

// CreateStore makes the change that the parameters describe.
func (c Calls) CreateStore(ctx context.Context, p upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error) {
	r, err := c.apply(ctx, change.Op{Kind: change.CreateStore, Account: p.Account, StoreName: p.Name})
	if r.Store == nil {
		r.Store = &upstream.Store{}
	}
	return answer(r, *r.Store, err)
}

// DeleteStore makes the change that the parameters describe.
func (c Calls) DeleteStore(ctx context.Context, p upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error) {
	r, err := c.apply(ctx, change.Op{Kind: change.DeleteStore, Account: p.Account, StoreID: p.StoreID, Force: p.Force})
	return answer(r, upstream.None{}, err)
}

// CreateSecrets makes the change that the parameters describe.
func (c Calls) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	op := change.Op{Kind: change.CreateSecrets, Account: p.Account, StoreID: p.StoreID}
	var values []upstream.Value
	for _, one := range p.Secrets {
		op.Secrets = append(op.Secrets, change.NewSecret{Name: one.Name, Scopes: one.Scopes, Comment: one.Comment})
		values = append(values, one.Value)
	}
	r, err := c.apply(ctx, op, values...)
	return answer(r, r.Secrets, err)
}

// UpdateSecret makes the change that the parameters describe.
func (c Calls) UpdateSecret(ctx context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	op := change.Op{
		Kind: change.UpdateSecret, Account: p.Account, StoreID: p.StoreID, SecretIDs: []string{p.SecretID},
		Update: change.Update{Value: p.Value != nil, Scopes: p.Scopes, Comment: p.Comment},
	}
	var values []upstream.Value
	if p.Value != nil {
		values = append(values, *p.Value)
	}
	r, err := c.apply(ctx, op, values...)
	return answer(r, r.Secret(), err)
}

// DeleteSecret makes the change that the parameters describe.
func (c Calls) DeleteSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	r, err := c.apply(ctx, change.Op{Kind: change.DeleteSecret, Account: p.Account, StoreID: p.StoreID, SecretIDs: []string{p.SecretID}})
	return answer(r, upstream.None{}, err)
}

// DeleteSecrets makes the change that the parameters describe.
func (c Calls) DeleteSecrets(ctx context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	r, err := c.apply(ctx, change.Op{Kind: change.DeleteSecrets, Account: p.Account, StoreID: p.StoreID, SecretIDs: p.IDs})
	return answer(r, upstream.None{}, err)
}

// DuplicateSecret makes the change that the parameters describe.
func (c Calls) DuplicateSecret(ctx context.Context, p upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error) {
	r, err := c.apply(ctx, change.Op{
		Kind: change.DuplicateSecret, Account: p.Account, StoreID: p.StoreID, SecretIDs: []string{p.SecretID},
		Secrets: []change.NewSecret{{Name: p.Name, Scopes: p.Scopes, Comment: p.Comment}},
	})
	return answer(r, r.Secret(), err)
}
