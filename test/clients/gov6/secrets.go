package gov6

import (
	"context"

	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/secrets_store"

	"platform.internal/storekeeper/test/clients/script"
)

func (c *Client) createSecrets(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	p := secrets_store.StoreSecretNewParams{Body: []secrets_store.StoreSecretNewParamsBody{}}
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	for _, f := range call.Items {
		var item secrets_store.StoreSecretNewParamsBody
		set(&item.Name.Value, &item.Name.Present, f.Name)
		set(&item.Value.Value, &item.Value.Present, f.Value)
		texts(&item.Scopes.Value, &item.Scopes.Present, f.Scopes)
		set(&item.Comment.Value, &item.Comment.Present, f.Comment)
		p.Body = append(p.Body, item)
	}
	page, err := c.secrets.New(ctx, call.Store, p, opts...)
	if err != nil {
		return nil, err
	}
	return page.Result, nil
}

func (c *Client) listSecrets(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreSecretListParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	number(&p.Page.Value, &p.Page.Present, call.List.Page)
	number(&p.PerPage.Value, &p.PerPage.Present, call.List.PerPage)
	text(&p.Order.Value, &p.Order.Present, call.List.Order)
	text(&p.Direction.Value, &p.Direction.Present, call.List.Direction)
	text(&p.Search.Value, &p.Search.Present, call.List.Search)
	if call.List.Scopes != nil {
		// A list of lists in this version, flattened in the request.
		p.Scopes.Value, p.Scopes.Present = [][]string{call.List.Scopes}, true
	}
	if call.List.All {
		return readAll(c.secrets.ListAutoPaging(ctx, call.Store, p, opts...))
	}
	page, err := c.secrets.List(ctx, call.Store, p, opts...)
	if err != nil {
		return nil, err
	}
	return script.Page{Items: page.Result, Info: page.ResultInfo}, nil
}

func (c *Client) showSecret(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreSecretGetParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	return c.secrets.Get(ctx, call.Store, call.Secret, p, opts...)
}

func (c *Client) editSecret(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreSecretEditParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	set(&p.Value.Value, &p.Value.Present, call.Fields.Value)
	texts(&p.Scopes.Value, &p.Scopes.Present, call.Fields.Scopes)
	set(&p.Comment.Value, &p.Comment.Present, call.Fields.Comment)
	if call.Fields.NullComment {
		p.Comment.Null, p.Comment.Present = true, true
	}
	return c.secrets.Edit(ctx, call.Store, call.Secret, p, opts...)
}

func (c *Client) duplicateSecret(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreSecretDuplicateParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	set(&p.Name.Value, &p.Name.Present, call.Fields.Name)
	texts(&p.Scopes.Value, &p.Scopes.Present, call.Fields.Scopes)
	set(&p.Comment.Value, &p.Comment.Present, call.Fields.Comment)
	return c.secrets.Duplicate(ctx, call.Store, call.Secret, p, opts...)
}

func (c *Client) deleteSecret(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreSecretDeleteParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	return c.secrets.Delete(ctx, call.Store, call.Secret, p, opts...)
}

func (c *Client) deleteSecrets(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p secrets_store.StoreSecretBulkDeleteParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	if call.IDs != nil {
		body, err := idsBody(call.IDs)
		if err != nil {
			return nil, err
		}
		opts = append(opts, body)
	}
	return c.secrets.BulkDelete(ctx, call.Store, p, opts...)
}
