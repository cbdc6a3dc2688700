package mirror

import (
	"context"

	"platform.internal/storekeeper/internal/upstream"
)

// CreateStore makes a store. Faults: as of upstream.Client.
func (c *Client) CreateStore(ctx context.Context, p upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error) {
	return carry(ctx, c.library, change[upstream.Store]{
		account: p.Account, names: []string{p.Name},
		send: func() (upstream.Answer[upstream.Store], error) { return c.next.CreateStore(ctx, p) },
		done: func(made upstream.Store) event { return event{Stores: []upstream.Store{made}} },
	})
}

// DeleteStore deletes a store, and with Force its secrets. Faults: as of
// upstream.Client.
func (c *Client) DeleteStore(ctx context.Context, p upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error) {
	return carry(ctx, c.library, change[upstream.None]{
		account: p.Account, ids: []string{p.StoreID},
		send: func() (upstream.Answer[upstream.None], error) { return c.next.DeleteStore(ctx, p) },
		done: func(upstream.None) event { return event{Deleted: []string{p.StoreID}} },
	})
}

// CreateSecrets makes secrets. Faults: as of upstream.Client.
func (c *Client) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	names := make([]string, len(p.Secrets))
	for i, s := range p.Secrets {
		names[i] = s.Name
	}
	return carry(ctx, c.library, change[[]upstream.Secret]{
		account: p.Account, store: p.StoreID, names: names,
		send: func() (upstream.Answer[[]upstream.Secret], error) { return c.next.CreateSecrets(ctx, p) },
		done: func(made []upstream.Secret) event { return event{Secrets: made} },
	})
}

// UpdateSecret changes a secret. Faults: as of upstream.Client.
func (c *Client) UpdateSecret(ctx context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	return carry(ctx, c.library, change[upstream.Secret]{
		account: p.Account, store: p.StoreID, ids: []string{p.SecretID},
		send: func() (upstream.Answer[upstream.Secret], error) { return c.next.UpdateSecret(ctx, p) },
		done: one,
	})
}

// DuplicateSecret copies a secret. Faults: as of upstream.Client.
func (c *Client) DuplicateSecret(ctx context.Context, p upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error) {
	return carry(ctx, c.library, change[upstream.Secret]{
		account: p.Account, store: p.StoreID, ids: []string{p.SecretID}, names: []string{p.Name},
		send: func() (upstream.Answer[upstream.Secret], error) { return c.next.DuplicateSecret(ctx, p) },
		done: one,
	})
}

// DeleteSecret deletes a secret. Faults: as of upstream.Client.
func (c *Client) DeleteSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	return carry(ctx, c.library, change[upstream.None]{
		account: p.Account, store: p.StoreID, ids: []string{p.SecretID},
		send: func() (upstream.Answer[upstream.None], error) { return c.next.DeleteSecret(ctx, p) },
		done: func(upstream.None) event { return event{Deleted: []string{p.SecretID}} },
	})
}

// DeleteSecrets deletes several secrets. Faults: as of upstream.Client.
func (c *Client) DeleteSecrets(ctx context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	return carry(ctx, c.library, change[upstream.None]{
		account: p.Account, store: p.StoreID, ids: p.IDs,
		send: func() (upstream.Answer[upstream.None], error) { return c.next.DeleteSecrets(ctx, p) },
		done: func(upstream.None) event { return event{Deleted: p.IDs} },
	})
}

func one(made upstream.Secret) event { return event{Secrets: []upstream.Secret{made}} }
