package cache

import (
	"context"

	"platform.internal/storekeeper/internal/upstream"
)

// Client answers reads from Listings. It is safe for concurrent use. The scopes and comments in an
// answer are shared with the cache, and must not be changed.
type Client struct {
	listings *Listings
	next     upstream.Reader
}

var _ upstream.Reader = (*Client)(nil)

// Client returns a client that reads from the Listings, and forwards other reads to next.
func (l *Listings) Client(next upstream.Reader) *Client { return &Client{listings: l, next: next} }

// Accounts lists the accounts that Storekeeper serves.
func (c *Client) Accounts() []upstream.AccountInfo { return c.next.Accounts() }

// GetStore returns one store. Faults: NotFound.
func (c *Client) GetStore(ctx context.Context, p upstream.StoreParams) (upstream.Answer[upstream.Store], error) {
	a := c.listings.accounts[p.Account]
	if a == nil {
		return c.next.GetStore(ctx, p)
	}
	return get(ctx, a.stores, lookup[upstream.Store]{id: p.StoreID, gone: noStore, ask: func() (upstream.Answer[upstream.Store], error) {
		return c.next.GetStore(ctx, p)
	}})
}

// GetSecret returns one secret. Faults: NotFound.
func (c *Client) GetSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.Secret], error) {
	a := c.listings.accounts[p.Account]
	if a == nil {
		return c.next.GetSecret(ctx, p)
	}
	s := c.listings.secretsOf(a, p.StoreID)
	return get(ctx, s, lookup[upstream.Secret]{id: p.SecretID, gone: noSecret, ask: func() (upstream.Answer[upstream.Secret], error) {
		return c.next.GetSecret(ctx, p)
	}})
}

// ListStores returns a page of the stores of an account.
func (c *Client) ListStores(ctx context.Context, p upstream.ListStoresParams) (upstream.Answer[[]upstream.Store], error) {
	ask := func(ctx context.Context) (upstream.Answer[[]upstream.Store], error) { return c.next.ListStores(ctx, p) }
	a := c.listings.accounts[p.Account]
	o, ok := orderOf(p.Paging, storeColumn)
	if a == nil || !ok {
		return ask(ctx)
	}
	return list(ctx, a.stores, selection[upstream.Store]{paging: p.Paging, order: o, choose: everything[upstream.Store], ask: ask})
}

// ListSecrets returns a page of the secrets of a store. Faults: NotFound.
func (c *Client) ListSecrets(ctx context.Context, p upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	ask := func(ctx context.Context) (upstream.Answer[[]upstream.Secret], error) {
		return c.next.ListSecrets(ctx, p)
	}
	a := c.listings.accounts[p.Account]
	o, ok := orderOf(p.Paging, secretColumn)
	if a == nil || !ok {
		return ask(ctx)
	}
	return list(ctx, c.listings.secretsOf(a, p.StoreID), selection[upstream.Secret]{
		paging: p.Paging, order: o, choose: chooser(p.Search, p.Scopes), ask: ask,
	})
}
