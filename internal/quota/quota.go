// Package quota enforces each tenant's limits of stores and secrets, and gives the last place of an account
// to only one change.
//
// This package must not know how a change is made, retried or recovered, or the rights of a caller. It stores
// identifiers and numbers, no names and no values.
//
// The counts are exact by construction: a Reservation is part of the commit that begins a change, and a
// Release is part of the commit that ends the change.
package quota

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// Listings lists the contents of stores and accounts.
type Listings interface {
	// Secrets returns all secrets of a store. The read began at or after notBefore.
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
	// Stores returns all stores of an account. The read began at or after notBefore.
	Stores(ctx context.Context, account string, notBefore time.Time) ([]upstream.Store, error)
}

// Config configures a Counter.
type Config struct {
	// Accounts are the accounts that are served.
	Accounts []upstream.AccountInfo
	// Quota reads the current quota of an account from Cloudflare, by the account's identifier. Errors are
	// faults.
	Quota func(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error)
	// Store holds the counts. Counters with the same Store share the counts, across processes.
	Store store.Store
	// Limits returns the limit of a tenant in an account, by the account's identifier, and false if there is
	// none. See Table.
	Limits func(account, tenant string) (Limit, bool)
	// Limited reports whether any tenant has a limit in the account. Other accounts are not counted. Nil:
	// every account is counted.
	Limited func(account string) bool
	// Listings is read before a tenant is refused, to find objects deleted elsewhere. Nil: such objects count
	// forever.
	Listings Listings
	// Clock returns the current time. Nil means time.Now.
	Clock func() time.Time
}

// Counter counts the objects and reserved places of tenants and accounts. It is safe for concurrent use.
type Counter struct {
	c        Config
	accounts map[string]string
	readings map[string]chan struct{}
	verified verified
}

// New returns a Counter. It starts no goroutine and sends no request.
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

// counted returns the identifier of an account, and false if the account is unknown or no tenant has a limit
// there.
func (c *Counter) counted(account string) (id string, ok bool) {
	id, ok = c.accounts[account]
	return id, ok && c.c.Limited(id)
}

// Change is the effect of a change on the counts.
type Change struct {
	// Account is the identifier or the name of the account.
	Account string
	// Tenant is the id of the tenant that makes the change.
	Tenant string
	// StoreID is the store of the secrets, or the store to delete.
	StoreID string
	// Stores and Secrets are the numbers of objects to create.
	Stores, Secrets int
	// DeletesStore says that the store is deleted with all its secrets.
	DeletesStore bool
	// Deletes are the secrets to delete.
	Deletes []string
}

// Of returns the effect of a change on the counts.
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

// asked is the demand of a create: places of one kind for one tenant.
type asked struct {
	account, tenant string
	kind            resourceState
	n               int
	// tenantKey is the record key of the tenant.
	tenantKey string
	// limit is the limit of the tenant. If it is nil, the tenant is not counted.
	limit *int
}

// ask returns the demand of a change in the account id.
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
