package quota

import (
	"context"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// CreateStore makes a store, if the tenant may have another. Faults beside
// those of the upstream: LimitReached, Unavailable where counts cannot be kept.
func (c *Client) CreateStore(ctx context.Context, p upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error) {
	return create(ctx, c, creation[upstream.Store]{
		account: p.Account, kind: stores, n: 1,
		call: func() (upstream.Answer[upstream.Store], error) { return c.Upstream.CreateStore(ctx, p) },
		made: func(s upstream.Store) []string { return []string{s.ID} },
	})
}

// CreateSecrets makes secrets, if tenant and account may have that many more.
// Faults as for CreateStore.
func (c *Client) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	return create(ctx, c, creation[[]upstream.Secret]{
		account: p.Account, store: p.StoreID, kind: secrets, n: len(p.Secrets),
		call: func() (upstream.Answer[[]upstream.Secret], error) { return c.Upstream.CreateSecrets(ctx, p) },
		made: func(all []upstream.Secret) []string {
			return identifiers(all, func(s upstream.Secret) string { return s.ID })
		},
	})
}

// DuplicateSecret copies a secret, if tenant and account may have another.
// Faults as for CreateStore.
func (c *Client) DuplicateSecret(ctx context.Context, p upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error) {
	return create(ctx, c, creation[upstream.Secret]{
		account: p.Account, store: p.StoreID, kind: secrets, n: 1,
		call: func() (upstream.Answer[upstream.Secret], error) { return c.Upstream.DuplicateSecret(ctx, p) },
		made: func(s upstream.Secret) []string { return []string{s.ID} },
	})
}

// creation is a call that makes n objects of a kind.
type creation[T any] struct {
	account string
	// store is where secrets are made. Empty for stores.
	store string
	kind  kind
	n     int
	call  func() (upstream.Answer[T], error)
	// made gives the identifiers of what the call made.
	made func(T) []string
}

// create makes a call that takes places: it holds them before, and afterwards
// they belong to the tenant or are free again. After an answer that was lost
// they stay held, since the objects may exist.
func create[T any](ctx context.Context, c *Client, n creation[T]) (upstream.Answer[T], error) {
	account, ok := c.counted(n.account)
	if !ok {
		return n.call()
	}
	a := c.ask(ctx, account, n.kind, n.n)
	if len(a.keys()) == 0 || a.n == 0 {
		return n.call()
	}
	if err := c.reserve(ctx, a); err != nil {
		return upstream.Answer[T]{}, err
	}
	answer, err := n.call()
	switch {
	case err == nil:
		c.keep(ctx, a, n.store, n.made(answer.Result))
	case !upstream.Unproven(fault.From(err)):
		c.release(ctx, a)
	}
	return answer, err
}
