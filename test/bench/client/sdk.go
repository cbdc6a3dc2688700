package client

import (
	"context"
	"fmt"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/secrets_store"

	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// CreateBySDK makes single secrets in a store by Cloudflare's own library, which
// repeats a call so many times by itself.
func (c *REST) CreateBySDK(store string, retries int) load.Call {
	return func(ctx context.Context, worker, n int) error {
		service := secrets_store.NewStoreSecretService(
			option.WithBaseURL(c.world.REST), option.WithAPIToken(c.world.Token(worker)), option.WithMaxRetries(retries), option.WithHTTPClient(c.http))
		return create(ctx, service, store, fmt.Sprintf("s-%d-%d", worker, n))
	}
}

// create makes one secret. The fields are set directly, because the helper is in
// a package that compiles all of Cloudflare's API.
func create(ctx context.Context, service *secrets_store.StoreSecretService, store, name string) error {
	var item secrets_store.StoreSecretNewParamsBody
	item.Name.Value, item.Name.Present = name, true
	item.Value.Value, item.Value.Present = "value-of-"+name, true
	item.Scopes.Value, item.Scopes.Present = []secrets_store.StoreSecretNewParamsBodyScope{"workers"}, true
	p := secrets_store.StoreSecretNewParams{Body: []secrets_store.StoreSecretNewParamsBody{item}}
	p.AccountID.Value, p.AccountID.Present = stage.Account, true
	_, err := service.New(ctx, store, p)
	return err
}
