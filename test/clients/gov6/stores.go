package gov6

import (
	"context"

	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/secrets_store"

	"platform.internal/storekeeper/test/clients/script"
)

func (c *Client) showQuota(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.QuotaGetParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	return c.quota.Get(ctx, p, opts...)
}

func (c *Client) createStore(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreNewParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	set(&p.Name.Value, &p.Name.Present, call.Fields.Name)
	return c.stores.New(ctx, p, opts...)
}

func (c *Client) listStores(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreListParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	number(&p.Page.Value, &p.Page.Present, call.List.Page)
	number(&p.PerPage.Value, &p.PerPage.Present, call.List.PerPage)
	text(&p.Order.Value, &p.Order.Present, call.List.Order)
	text(&p.Direction.Value, &p.Direction.Present, call.List.Direction)
	if call.List.All {
		return readAll(c.stores.ListAutoPaging(ctx, p, opts...))
	}
	page, err := c.stores.List(ctx, p, opts...)
	if err != nil {
		return nil, err
	}
	return script.Page{Items: page.Result, Info: page.ResultInfo}, nil
}

func (c *Client) deleteStore(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreDeleteParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	if call.Force {
		// This version does not have the parameter.
		opts = append(opts, option.WithQuery("force", "true"))
	}
	return c.stores.Delete(ctx, call.Store, p, opts...)
}
