// Package quota keeps each tenant to its own limits of stores and secrets, and
// gives the last place of an account to one caller only.
//
// It must not know how a change is made, repeated or found again, or who may
// make it: it stands between those and counts. It keeps identifiers and
// numbers, no names and no values.
package quota

import (
	"context"
	"crypto/rand"
	"time"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/tenant"
	"platform.internal/storekeeper/internal/upstream"
)

// Upstream is what makes the changes. Errors are faults.
type Upstream interface {
	CreateStore(context.Context, upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error)
	ListStores(context.Context, upstream.ListStoresParams) (upstream.Answer[[]upstream.Store], error)
	GetStore(context.Context, upstream.StoreParams) (upstream.Answer[upstream.Store], error)
	DeleteStore(context.Context, upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error)
	CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error)
	ListSecrets(context.Context, upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error)
	GetSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.Secret], error)
	UpdateSecret(context.Context, upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error)
	DeleteSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.None], error)
	DeleteSecrets(context.Context, upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error)
	DuplicateSecret(context.Context, upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error)
	Quota(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error)
	Accounts() []upstream.AccountInfo
}

// Library knows what the stores hold.
type Library interface {
	// Secrets gives all secrets of a store, as a reading that began at or after
	// notBefore found them.
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
	// Stores gives all stores of an account in the same way.
	Stores(ctx context.Context, account string, notBefore time.Time) ([]upstream.Store, error)
}

// Config is what a Client is made from.
type Config struct {
	// Next makes the changes.
	Next Upstream
	// Records is where the counts are kept. Clients that share it share the
	// counts, in one process or in several.
	Records records.Store
	// Limits gives the limit of a tenant in an account, by the account's
	// identifier, and false where there is none. See Table.
	Limits func(account, tenant string) (Limit, bool)
	// Key names a tenant in the records, so that the tenant keeps its counts under
	// another name. Nil: its name does.
	Key func(tenant string) string
	// Limited reports whether any tenant has a limit in the account. Where none
	// has, nothing is counted. Nil: in every account.
	Limited func(account string) bool
	// Library tells what still exists, before a tenant is refused. Nil: what was
	// deleted elsewhere counts until Forget is told.
	Library Library
	// Operation identifies the change that a call belongs to, so that it holds
	// one place when it is made again after a crash. Nil or "": each call is a
	// change of its own.
	Operation func(context.Context) string
	// Recovering reports whether a call only finds out what became of a change
	// that was let pass before. It is never refused here. Nil: no call is.
	Recovering func(context.Context) bool
	// Fresh makes a context with which the quota of an account is read and not
	// remembered. Nil: it always is read.
	Fresh func(context.Context) context.Context
	// Report hears of counts that could not be kept: a place that is not given
	// back for now, or an object that counts for nobody. Nil: nobody listens.
	Report func(context.Context, error)
	// Clock tells the time. Nil means time.Now.
	Clock func() time.Time
}

// Client is an Upstream that holds creates to the limits. What it does not
// count goes to the next one as it is. It is safe for concurrent use.
type Client struct {
	Upstream

	c        Config
	accounts map[string]string
	readings map[string]chan struct{}
	verified verified
}

var _ Upstream = (*Client)(nil)

// New returns a client. It starts nothing and asks nothing.
func New(c Config) *Client {
	client := &Client{Upstream: c.Next, c: c.withDefaults(), accounts: map[string]string{}, readings: map[string]chan struct{}{}}
	for _, a := range c.Next.Accounts() {
		client.accounts[a.ID], client.accounts[a.Name] = a.ID, a.ID
		client.readings[a.ID] = make(chan struct{}, 1)
	}
	return client
}

func (c Config) withDefaults() Config {
	if c.Limited == nil {
		c.Limited = func(string) bool { return true }
	}
	if c.Key == nil {
		c.Key = func(tenant string) string { return tenant }
	}
	if c.Operation == nil {
		c.Operation = func(context.Context) string { return "" }
	}
	if c.Recovering == nil {
		c.Recovering = func(context.Context) bool { return false }
	}
	if c.Fresh == nil {
		c.Fresh = func(ctx context.Context) context.Context { return ctx }
	}
	if c.Report == nil {
		c.Report = func(context.Context, error) {}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// counted gives the identifier of an account, and false where nothing is
// counted: nobody has a limit there, or there is no such account.
func (c *Client) counted(account string) (id string, ok bool) {
	id, ok = c.accounts[account]
	return id, ok && c.c.Limited(id)
}

// asked is what a create takes: places of one kind for one tenant, which stands
// under its key.
type asked struct {
	account, tenant string
	op              string
	kind            kind
	n               int
	// limit is the tenant's. Nil: it has none, and nothing is kept of it.
	limit *int
	// forced says that the change was let pass before.
	forced bool
}

// ask describes what a call takes.
func (c *Client) ask(ctx context.Context, account string, k kind, n int) asked {
	name := tenant.From(ctx)
	a := asked{account: account, tenant: c.c.Key(name), op: c.c.Operation(ctx), kind: k, n: n, forced: c.c.Recovering(ctx)}
	if a.op == "" {
		a.op = rand.Text()
	}
	if limit, ok := c.c.Limits(account, name); ok {
		a.limit = limit.of(k)
	}
	return a
}
