// Package quota holds each tenant to its own limits of stores and secrets, and
// gives the last place of an account to one change only.
//
// It must not know how a change is made, repeated or found again, or who may
// make it. It keeps identifiers and numbers, no names and no values.
//
// The counts are exact by construction: a Reservation is a part of the commit
// that begins a change, and a Release a part of the commit that ends it.
package quota

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// Listings knows what the stores hold.
type Listings interface {
	// Secrets gives all secrets of a store, as a reading that began at or after
	// notBefore found them.
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
	// Stores gives all stores of an account in the same way.
	Stores(ctx context.Context, account string, notBefore time.Time) ([]upstream.Store, error)
}

// Config is what a Counter is made from.
type Config struct {
	// Accounts are those that are served.
	Accounts []upstream.AccountInfo
	// Quota reads the quota of an account, by its identifier, as it is now. Errors
	// are faults.
	Quota func(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error)
	// Store is where the counts are kept. Counters that share it share the counts,
	// in one process or in several.
	Store store.Store
	// Limits gives the limit of a tenant in an account, by the account's
	// identifier, and false where there is none. See Table.
	Limits func(account, tenant string) (Limit, bool)
	// Limited reports whether any tenant has a limit in the account. Where none
	// has, nothing is counted. Nil: in every account.
	Limited func(account string) bool
	// Listings tells what still exists, before a tenant is refused. Nil: what was
	// deleted elsewhere counts for ever.
	Listings Listings
	// Clock tells the time. Nil means time.Now.
	Clock func() time.Time
}

// Counter counts what tenants and accounts have, and what changes are about to
// make. It is safe for concurrent use.
type Counter struct {
	c        Config
	accounts map[string]string
	readings map[string]chan struct{}
	verified verified
}

// New returns a counter. It starts nothing and asks nothing.
func New(c Config) *Counter {
	counter := &Counter{c: c.withDefaults(), accounts: map[string]string{}, readings: map[string]chan struct{}{}}
	for _, a := range c.Accounts {
		counter.accounts[a.ID], counter.accounts[a.Name] = a.ID, a.ID
		counter.readings[a.ID] = make(chan struct{}, 1)
	}
	return counter
}

func (c Config) withDefaults() Config {
	if c.Limited == nil {
		c.Limited = func(string) bool { return true }
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// counted gives the identifier of an account, and false where nothing is
// counted: nobody has a limit there, or there is no such account.
func (c *Counter) counted(account string) (id string, ok bool) {
	id, ok = c.accounts[account]
	return id, ok && c.c.Limited(id)
}

// Change is what a change does to the counts.
type Change struct {
	// Account is the identifier or the name of the account.
	Account string
	// Tenant is the id of the tenant that makes the change.
	Tenant string
	// StoreID is the store of the secrets, or the store that is deleted where no
	// secrets are.
	StoreID string
	// Stores and Secrets are how many of each are to be made.
	Stores, Secrets int
	// DeletesStore says that the store is deleted, with all that is in it.
	DeletesStore bool
	// Deletes are the secrets that are deleted.
	Deletes []string
}

// Of is what a change does to the counts.
func Of(op *change.Op) Change {
	ch := Change{Account: op.Account, Tenant: op.Tenant, StoreID: op.StoreID, Secrets: len(op.Secrets)}
	switch op.Kind {
	case change.CreateStore:
		ch.Stores = 1
	case change.DeleteStore:
		ch.DeletesStore = true
	case change.DeleteSecret, change.DeleteSecrets:
		ch.Deletes = op.SecretIDs
	default:
	}
	return ch
}

// asked is what a create takes: places of one kind for one tenant.
type asked struct {
	account, tenant string
	kind            resourceState
	n               int
	// tenantKey names the record of the tenant.
	tenantKey string
	// limit is the tenant's. Nil: it has none, and nothing is kept of it.
	limit *int
}

// ask describes what a change takes in the account id.
func (c *Counter) ask(id string, ch Change) asked {
	a := asked{account: id, tenant: ch.Tenant, kind: secrets, n: ch.Secrets}
	if ch.Stores > 0 {
		a.kind, a.n = stores, ch.Stores
	}
	if limit, ok := c.c.Limits(id, ch.Tenant); ok {
		a.limit = limit.of(a.kind)
	}
	a.tenantKey = tenantKey(id, a.tenant)
	return a
}
