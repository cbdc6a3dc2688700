// Package names resolves Cloudflare's identifiers to names.
//
// The package does not know the caller or the purpose. It caches every name without expiry: stores
// and secrets are never renamed, and an identifier is never reused.
package names

import (
	"context"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// maxNames is the number of cached names, about 100 bytes each.
const maxNames = 50_000

// maxLoaded is the number of names of one store that are read at once.
const maxLoaded = 10_000

// Lookup finds objects in a cache. It returns the cached objects among the identifiers. The objects
// may be stale, because names do not change.
type Lookup interface {
	FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error)
	FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error)
}

// Resolver resolves identifiers to names. It is safe for concurrent use.
type Resolver struct {
	upstream upstream.Reader
	lookup   Lookup
	// accounts maps identifiers and names of accounts to names. served holds each name once.
	accounts map[string]string
	served   []string
	names    *lru.Cache[nameKey, string]
}

// nameKey identifies a store or a secret. The kind is part of the key because callers choose the
// identifiers, so that a secret's identifier may be empty.
type nameKey struct {
	kind                   objectKind
	account, store, secret string
}

type objectKind byte

const (
	aStore objectKind = iota
	aSecret
)

// New returns a Resolver without cached names. It consults f before Cloudflare. f may be nil.
func New(u upstream.Reader, f Lookup) (*Resolver, error) {
	names, err := lru.New[nameKey, string](maxNames)
	if err != nil {
		return nil, fmt.Errorf("make room for names: %w", err)
	}
	r := &Resolver{upstream: u, lookup: f, accounts: map[string]string{}, names: names}
	for _, a := range u.Accounts() {
		r.accounts[a.ID], r.accounts[a.Name] = a.Name, a.Name
		r.served = append(r.served, a.Name)
	}
	return r, nil
}

// Account returns the configured name of an account, given an identifier or a name. It returns
// false if the account is not served.
func (r *Resolver) Account(idOrName string) (string, bool) {
	name, ok := r.accounts[idOrName]
	return name, ok
}

// Accounts returns the configured names of all accounts.
func (r *Resolver) Accounts() []string { return r.served }

// Remember caches names from another source: the store's name under "", and the names of secrets
// under their identifiers.
func (r *Resolver) Remember(account, store string, names map[string]string) {
	for id, name := range names {
		if id == "" {
			r.names.Add(nameKey{kind: aStore, account: account, store: store}, name)
			continue
		}
		r.names.Add(nameKey{aSecret, account, store, id}, name)
	}
}

// Store returns the name of a store. Errors: NotFound, and the errors of a call
// to Cloudflare.
func (r *Resolver) Store(ctx context.Context, account, id string) (string, error) {
	k := nameKey{kind: aStore, account: account, store: id}
	if name, ok := r.names.Get(k); ok {
		return name, nil
	}
	if name, ok := r.lookUpStore(ctx, k); ok {
		return name, nil
	}
	a, err := r.upstream.GetStore(ctx, upstream.StoreParams{Account: account, StoreID: id})
	if err != nil {
		return "", err
	}
	r.names.Add(k, a.Result.Name)
	return a.Result.Name, nil
}

// KnownStore returns the name of a store. It returns false if the account's list of stores lacks
// the store or cannot be read. A list that was never read costs calls to Cloudflare.
func (r *Resolver) KnownStore(ctx context.Context, account, id string) (string, bool) {
	k := nameKey{kind: aStore, account: account, store: id}
	if name, ok := r.names.Get(k); ok {
		return name, true
	}
	return r.lookUpStore(ctx, k)
}

// KnownStores returns the identifiers of the stores with a name in all accounts, as far as they are
// known to KnownStore.
func (r *Resolver) KnownStores(ctx context.Context, name string) []string {
	var ids []string
	for _, account := range r.served {
		if r.lookup == nil {
			return nil
		}
		known, err := r.lookup.FindStores(ctx, account, []string{name}, nil)
		if err != nil {
			continue // the list cannot be read
		}
		for _, s := range known {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// Secrets returns the names of secrets of a store, in the order of ids. Errors:
// NotFound if a secret does not exist, and the errors of a call to Cloudflare.
func (r *Resolver) Secrets(ctx context.Context, in upstream.StoreParams, ids []string) ([]string, error) {
	missing, err := r.lookUpSecrets(ctx, in, r.unknown(in, ids))
	if err != nil {
		return nil, err
	}
	// A single secret is read directly. For more secrets, pages of 100 cost fewer calls.
	if len(missing) > 1 {
		if err := r.loadStore(ctx, in); err != nil {
			return nil, err
		}
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		name, err := r.secret(ctx, in, id)
		if err != nil {
			return nil, err
		}
		names[i] = name
	}
	return names, nil
}

// Known returns the names of the existing secrets among ids, by identifier. It reads the list of
// the store at most once, even if many of the secrets do not exist. Errors: the errors of a call to
// Cloudflare, without NotFound.
func (r *Resolver) Known(ctx context.Context, in upstream.StoreParams, ids []string) (map[string]string, error) {
	missing, err := r.lookUpSecrets(ctx, in, r.unknown(in, ids))
	if err == nil && len(missing) == 1 {
		_, err = r.secret(ctx, in, missing[0])
	}
	if err == nil && len(missing) > 1 {
		err = r.loadStore(ctx, in)
	}
	if err != nil && fault.From(err).Kind != fault.NotFound {
		return nil, err
	}
	known := make(map[string]string, len(ids))
	for _, id := range ids {
		if name, ok := r.names.Get(nameKey{aSecret, in.Account, in.StoreID, id}); ok {
			known[id] = name
		}
	}
	return known, nil
}

// unknown returns the identifiers whose names are not cached.
func (r *Resolver) unknown(in upstream.StoreParams, ids []string) []string {
	var missing []string
	for _, id := range ids {
		if !r.names.Contains(nameKey{aSecret, in.Account, in.StoreID, id}) {
			missing = append(missing, id)
		}
	}
	return missing
}

// lookUpSecrets caches the names that lookup finds, and returns the other identifiers. NotFound of
// the store is final. Other errors are ignored, because Cloudflare is asked next.
func (r *Resolver) lookUpSecrets(ctx context.Context, in upstream.StoreParams, ids []string) (missing []string, err error) {
	if r.lookup == nil || len(ids) == 0 {
		return ids, nil
	}
	known, err := r.lookup.FindSecrets(ctx, in.Account, in.StoreID, nil, ids)
	switch {
	case err != nil && fault.From(err).Kind == fault.NotFound:
		return nil, err
	case err != nil:
		return ids, nil //nolint:nilerr // Cloudflare is asked next, and says what is wrong.
	}
	for _, s := range known {
		r.names.Add(nameKey{aSecret, in.Account, in.StoreID, s.ID}, s.Name)
	}
	return r.unknown(in, ids), nil
}

// lookUpStore is lookUpSecrets for one store.
func (r *Resolver) lookUpStore(ctx context.Context, k nameKey) (string, bool) {
	if r.lookup == nil {
		return "", false
	}
	known, err := r.lookup.FindStores(ctx, k.account, nil, []string{k.store})
	if err != nil || len(known) != 1 {
		return "", false
	}
	r.names.Add(k, known[0].Name)
	return known[0].Name, true
}

func (r *Resolver) secret(ctx context.Context, in upstream.StoreParams, id string) (string, error) {
	k := nameKey{aSecret, in.Account, in.StoreID, id}
	if name, ok := r.names.Get(k); ok {
		return name, nil
	}
	a, err := r.upstream.GetSecret(ctx, upstream.SecretParams{Account: in.Account, StoreID: in.StoreID, SecretID: id})
	if err != nil {
		return "", err
	}
	r.names.Add(k, a.Result.Name)
	return a.Result.Name, nil
}

// loadStore reads and caches the names of all secrets of a store.
func (r *Resolver) loadStore(ctx context.Context, in upstream.StoreParams) error {
	read := func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Secret], error) {
		return r.upstream.ListSecrets(ctx, upstream.ListSecretsParams{Account: in.Account, StoreID: in.StoreID, Paging: p})
	}
	left := maxLoaded
	order := upstream.Paging{Order: "created", Direction: "asc"}
	return upstream.ReadPages(ctx, order, func(s upstream.Secret) string { return s.ID }, read, func(a upstream.Answer[[]upstream.Secret]) bool {
		for _, s := range a.Result {
			r.names.Add(nameKey{aSecret, in.Account, in.StoreID, s.ID}, s.Name)
		}
		left -= len(a.Result)
		return left <= 0
	})
}

// NotServed returns the fault of a call for an account that is not served. It does not list the
// served accounts.
func NotServed() error {
	return fault.New(fault.Denied, fault.ReasonAccountNotAllowed, "The account is not one that Storekeeper serves to this caller.")
}
