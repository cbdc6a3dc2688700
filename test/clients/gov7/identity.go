package gov7

import (
	"context"

	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/memberships"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"platform.internal/storekeeper/test/clients/script"
)

func (c *Client) verifyUserToken(ctx context.Context, _ script.Call, opts []option.RequestOption) (any, error) {
	return c.tokens.Verify(ctx, opts...)
}

func (c *Client) verifyAccountToken(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p accounts.TokenVerifyParams
	text(&p.AccountID.Value, &p.AccountID.Present, call.Account)
	return c.accountTokens.Verify(ctx, p, opts...)
}

func (c *Client) showUser(ctx context.Context, _ script.Call, opts []option.RequestOption) (any, error) {
	return c.users.Get(ctx, opts...)
}

func (c *Client) listAccounts(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p accounts.AccountListParams
	number(&p.Page.Value, &p.Page.Present, call.List.Page)
	number(&p.PerPage.Value, &p.PerPage.Present, call.List.PerPage)
	if call.List.All {
		return readAll(c.accounts.ListAutoPaging(ctx, p, opts...))
	}
	page, err := c.accounts.List(ctx, p, opts...)
	if err != nil {
		return nil, err
	}
	return script.Page{Items: page.Result, Info: page.ResultInfo}, nil
}

func (c *Client) listMemberships(ctx context.Context, call script.Call, opts []option.RequestOption) (any, error) {
	var p memberships.MembershipListParams
	number(&p.Page.Value, &p.Page.Present, call.List.Page)
	number(&p.PerPage.Value, &p.PerPage.Present, call.List.PerPage)
	return readAll(c.memberships.ListAutoPaging(ctx, p, opts...))
}

// number is the parameter for a number; the library uses two types for them.
func number[T int64 | float64](value *T, present *bool, given *int64) {
	if given != nil {
		*value, *present = T(*given), true
	}
}
