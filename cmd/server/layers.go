package main

import (
	"context"

	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/settle"
	"platform.internal/storekeeper/internal/upstream"
)

// creator makes secrets.
type creator interface {
	CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error)
}

// merging is Cloudflare with creates that travel together.
type merging struct {
	*upstream.Client

	creates creator
}

// CreateSecrets makes secrets, in the company of those who wait too.
func (m merging) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	return m.creates.CreateSecrets(ctx, p)
}

// settled is Cloudflare with changes whose answers do not get lost.
type settled struct {
	reading

	settle.Changes
}

// reading is the half of Cloudflare that changes nothing.
type reading interface {
	ListStores(context.Context, upstream.ListStoresParams) (upstream.Answer[[]upstream.Store], error)
	GetStore(context.Context, upstream.StoreParams) (upstream.Answer[upstream.Store], error)
	ListSecrets(context.Context, upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error)
	GetSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.Secret], error)
	Quota(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error)
	Accounts() []upstream.AccountInfo
}

var (
	_ settle.Changes   = merging{}
	_ service.Upstream = settled{}
)
