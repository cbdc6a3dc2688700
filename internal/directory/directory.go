// Package directory knows which names stand behind Cloudflare's identifiers.
//
// It must not know who asks or why. It remembers what it learned: a store and a
// secret keep their name for life, and an identifier is never used again.
package directory

import (
	"context"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// remembered is how many names are kept, about 100 bytes each.
const remembered = 50_000

// mostPages is where reading a list ends: a list of more is none that
// Cloudflare has, but an answer that heeds no page.
const mostPages = 100

// perPage is the longest page that Cloudflare gives.
const perPage = 100

// Upstream is what the directory asks.
type Upstream interface {
	Accounts() []upstream.AccountInfo
	GetStore(context.Context, upstream.StoreParams) (upstream.Answer[upstream.Store], error)
	GetSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.Secret], error)
	ListSecrets(context.Context, upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error)
}

// Directory looks names up. It is safe for concurrent use.
type Directory struct {
	upstream Upstream
	accounts map[string]string
	names    *lru.Cache[key, string]
}

// key names a store, or a secret in it. An identifier is whatever a caller sent,
// so that an empty one of a secret must not be taken for the store.
type key struct {
	kind                   kind
	account, store, secret string
}

type kind byte

const (
	aStore kind = iota
	aSecret
)

// New returns an empty directory.
func New(u Upstream) (*Directory, error) {
	names, err := lru.New[key, string](remembered)
	if err != nil {
		return nil, fmt.Errorf("make room for names: %w", err)
	}
	d := &Directory{upstream: u, accounts: map[string]string{}, names: names}
	for _, a := range u.Accounts() {
		d.accounts[a.ID], d.accounts[a.Name] = a.Name, a.Name
	}
	return d, nil
}

// Account gives the configured name of an account that is given by identifier
// or name, and false where there is none.
func (d *Directory) Account(idOrName string) (string, bool) {
	name, ok := d.accounts[idOrName]
	return name, ok
}

// Remember learns names of a store and of secrets in it that were known before,
// under "" and under their identifiers.
func (d *Directory) Remember(account, store string, names map[string]string) {
	for id, name := range names {
		if id == "" {
			d.names.Add(key{kind: aStore, account: account, store: store}, name)
			continue
		}
		d.names.Add(key{aSecret, account, store, id}, name)
	}
}

// Store gives the name of a store. Faults: NotFound, and those of a call to
// Cloudflare.
func (d *Directory) Store(ctx context.Context, account, id string) (string, error) {
	k := key{kind: aStore, account: account, store: id}
	if name, ok := d.names.Get(k); ok {
		return name, nil
	}
	a, err := d.upstream.GetStore(ctx, upstream.StoreParams{Account: account, StoreID: id})
	if err != nil {
		return "", err
	}
	d.names.Add(k, a.Result.Name)
	return a.Result.Name, nil
}

// Secrets gives the names of secrets of a store, in the order of ids. Faults:
// NotFound where one does not exist, and those of a call to Cloudflare.
func (d *Directory) Secrets(ctx context.Context, in upstream.StoreParams, ids []string) ([]string, error) {
	missing := 0
	for _, id := range ids {
		if !d.names.Contains(key{aSecret, in.Account, in.StoreID, id}) {
			missing++
		}
	}
	// One is read by itself; for more, pages of a hundred cost fewer calls.
	if missing > 1 {
		if err := d.learn(ctx, in); err != nil {
			return nil, err
		}
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		name, err := d.secret(ctx, in, id)
		if err != nil {
			return nil, err
		}
		names[i] = name
	}
	return names, nil
}

func (d *Directory) secret(ctx context.Context, in upstream.StoreParams, id string) (string, error) {
	k := key{aSecret, in.Account, in.StoreID, id}
	if name, ok := d.names.Get(k); ok {
		return name, nil
	}
	a, err := d.upstream.GetSecret(ctx, upstream.SecretParams{Account: in.Account, StoreID: in.StoreID, SecretID: id})
	if err != nil {
		return "", err
	}
	d.names.Add(k, a.Result.Name)
	return a.Result.Name, nil
}

// learn reads all secrets of a store.
func (d *Directory) learn(ctx context.Context, in upstream.StoreParams) error {
	for page := 1; ; page++ {
		a, err := d.upstream.ListSecrets(ctx, upstream.ListSecretsParams{
			Account: in.Account, StoreID: in.StoreID, Paging: upstream.Paging{Page: page, PerPage: perPage, Order: "created", Direction: "asc"},
		})
		if err != nil {
			return err
		}
		for _, s := range a.Result {
			d.names.Add(key{aSecret, in.Account, in.StoreID, s.ID}, s.Name)
		}
		if len(a.Result) < perPage || page == mostPages {
			return nil
		}
	}
}

// NotServed is the fault of a call that names an account which is not served.
// It does not say which there are.
func NotServed() error {
	return fault.New(fault.Denied, "ACCOUNT_NOT_ALLOWED", "The account is not one that Storekeeper serves to this caller.")
}
