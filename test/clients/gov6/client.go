// Package gov6 drives version 6 of cloudflare-go. It must not interpret the
// results of the library. The library has no call for a single store.
package gov6

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/cloudflare/cloudflare-go/v6/accounts"
	"github.com/cloudflare/cloudflare-go/v6/memberships"
	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/secrets_store"
	"github.com/cloudflare/cloudflare-go/v6/user"

	"platform.internal/storekeeper/test/clients/script"
)

// Client is the library, pointed at one side.
type Client struct {
	users         *user.UserService
	tokens        *user.TokenService
	accounts      *accounts.AccountService
	accountTokens *accounts.TokenService
	memberships   *memberships.MembershipService
	quota         *secrets_store.QuotaService
	stores        *secrets_store.StoreService
	secrets       *secrets_store.StoreSecretService
}

// New returns a client for an API below base, with a token. It retries as often
// as the library does by default, or never.
func New(base, token string, repeat bool) *Client {
	opts := []option.RequestOption{option.WithBaseURL(base), option.WithAPIToken(token)}
	if !repeat {
		opts = append(opts, option.WithMaxRetries(0))
	}
	return &Client{
		users:         user.NewUserService(opts...),
		tokens:        user.NewTokenService(opts...),
		accounts:      accounts.NewAccountService(opts...),
		accountTokens: accounts.NewTokenService(opts...),
		memberships:   memberships.NewMembershipService(opts...),
		quota:         secrets_store.NewQuotaService(opts...),
		stores:        secrets_store.NewStoreService(opts...),
		secrets:       secrets_store.NewStoreSecretService(opts...),
	}
}

// Do makes one call.
func (c *Client) Do(ctx context.Context, call script.Call) (script.View, error) {
	do, ok := c.operations()[call.Op]
	if !ok {
		return nil, script.ErrNotOffered
	}
	var opts []option.RequestOption
	if call.Token != "" {
		opts = append(opts, option.WithAPIToken(call.Token))
	}
	result, err := do(ctx, call, opts)
	if err == nil {
		return script.Seen(result)
	}
	f := script.Failure{Class: "error", Text: err.Error()}
	if refused, ok := errors.AsType[*secrets_store.Error](err); ok {
		f.Class, f.Status, f.Errors = "api error", refused.StatusCode, refused.Errors
	}
	return script.Failed(f)
}

type operation func(context.Context, script.Call, []option.RequestOption) (any, error)

func (c *Client) operations() map[string]operation {
	return map[string]operation{
		script.VerifyUserToken:    c.verifyUserToken,
		script.VerifyAccountToken: c.verifyAccountToken,
		script.ShowUser:           c.showUser,
		script.ListAccounts:       c.listAccounts,
		script.ListMemberships:    c.listMemberships,
		script.ShowQuota:          c.showQuota,
		script.CreateStore:        c.createStore,
		script.ListStores:         c.listStores,
		script.DeleteStore:        c.deleteStore,
		script.CreateSecrets:      c.createSecrets,
		script.ListSecrets:        c.listSecrets,
		script.ShowSecret:         c.showSecret,
		script.EditSecret:         c.editSecret,
		script.DuplicateSecret:    c.duplicateSecret,
		script.DeleteSecret:       c.deleteSecret,
		script.DeleteSecrets:      c.deleteSecrets,
	}
}

// set fills a parameter of the library, whose type is not exported. Nil omits
// the parameter.
func set[T any](value *T, present *bool, given *T) {
	if given != nil {
		*value, *present = *given, true
	}
}

// text fills a string parameter; an empty string omits the parameter.
func text[T ~string](value *T, present *bool, given string) {
	if given != "" {
		*value, *present = T(given), true
	}
}

// texts fills a list parameter; nil omits the parameter.
func texts[T ~string](value *[]T, present *bool, given []string) {
	if given == nil {
		return
	}
	*value, *present = []T{}, true
	for _, s := range given {
		*value = append(*value, T(s))
	}
}

// idsBody is the body that the library does not make for a bulk delete.
func idsBody(ids []string) (option.RequestOption, error) {
	body, err := json.Marshal(map[string][]string{"ids": ids})
	return option.WithRequestBody("application/json", body), err
}

// pager is how the library goes through all pages of a list.
type pager[T any] interface {
	Next() bool
	Current() T
	Err() error
}

func readAll[T any](p pager[T]) (any, error) {
	var all []T
	for p.Next() {
		all = append(all, p.Current())
	}
	return all, p.Err()
}
