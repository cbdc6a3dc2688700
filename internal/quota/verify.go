package quota

import (
	"context"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// listingAge is how old a listing may be that a tenant is refused by, so
	// that one who goes on asking does not have all stores listed each time.
	listingAge = 10 * time.Second
	// visible is how long a new object may be missing from a listing.
	visible = time.Minute
)

// Listing is what a store or an account was found to hold.
type Listing struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the store whose secrets were listed. Empty: the stores of the
	// account were.
	StoreID string
	// Began is when the reading began.
	Began time.Time
	// IDs are the identifiers of all that was found.
	IDs []string
}

// goes returns what tells the objects that the listing lacks. Those that are
// new may be missing from it though they exist.
func (l Listing) goes() func(kind, string, object) bool {
	ids := make(map[string]bool, len(l.IDs))
	for _, id := range l.IDs {
		ids[id] = true
	}
	of := secrets
	if l.StoreID == "" {
		of = stores
	}
	return func(k kind, id string, o object) bool {
		return k == of && o.Store == l.StoreID && !ids[id] && o.Since.Before(l.Began.Add(-visible))
	}
}

// Forget takes what a listing shows to be gone out of the counts, whoever
// deleted it. Objects of the last minute stay. Faults: those of the records.
func (c *Client) Forget(ctx context.Context, l Listing) error {
	account, ok := c.counted(l.Account)
	if !ok {
		return nil
	}
	if err := c.dropAll(ctx, account, l.goes()); err != nil {
		return fault.From(err)
	}
	return nil
}

// dropAll takes objects out of the counts of all tenants of an account.
func (c *Client) dropAll(ctx context.Context, account string, goes func(kind, string, object) bool) error {
	lost := map[string][]string{}
	prefix := tenantKey(account, "")
	err := c.c.Records.Scan(ctx, prefix, func(key string, e records.Entry) error {
		h, err := readHolding(e, c.c.Clock())
		if ids := h.which(goes); len(ids) > 0 {
			lost[strings.TrimPrefix(key, prefix)] = ids
		}
		return err
	})
	if err != nil {
		return err
	}
	for tenant, ids := range lost {
		if err := c.drop(ctx, place{account, tenant}, ids, goes); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) drop(ctx context.Context, p place, ids []string, goes func(kind, string, object) bool) error {
	return c.c.Records.Change(ctx, dropKeys(p.account, p.tenant, ids), c.dropping(tenantKey(p.account, p.tenant), ids, goes))
}

// which lists the objects that go.
func (h holding) which(goes func(kind, string, object) bool) []string {
	var ids []string
	for _, k := range []kind{stores, secrets} {
		for id, o := range h.objects(k) {
			if goes(k, id, o) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// verify takes what is gone out of the count of a tenant, and reports whether
// there was something. What cannot be looked at counts as there.
func (c *Client) verify(ctx context.Context, a asked) (bool, error) {
	if c.c.Library == nil {
		return false, nil
	}
	key := tenantKey(a.account, a.tenant)
	entries, err := c.c.Records.Get(ctx, key)
	if err != nil {
		return false, err
	}
	h, err := readHolding(entries[key], c.c.Clock())
	if err != nil {
		return false, err
	}
	dropped := false
	for _, l := range c.listings(ctx, a, h) {
		ids := h.which(l.goes())
		if len(ids) == 0 {
			continue
		}
		if err := c.drop(ctx, place{a.account, a.tenant}, ids, l.goes()); err != nil {
			return dropped, err
		}
		dropped = true
	}
	return dropped, nil
}

// listings lists where the tenant's objects of a kind should be.
func (c *Client) listings(ctx context.Context, a asked, h holding) []Listing {
	began := c.c.Clock().Add(-listingAge)
	var where []string
	for _, o := range h.objects(a.kind) {
		if !slices.Contains(where, o.Store) {
			where = append(where, o.Store)
		}
	}
	var all []Listing
	for _, storeID := range where {
		l := Listing{Account: a.account, StoreID: storeID, Began: began}
		if err := c.list(ctx, &l); err == nil {
			all = append(all, l)
		}
	}
	return all
}

// list fills a listing. A store that is gone holds nothing.
func (c *Client) list(ctx context.Context, l *Listing) error {
	if l.StoreID == "" {
		found, err := c.c.Library.Stores(ctx, l.Account, l.Began)
		l.IDs = identifiers(found, func(s upstream.Store) string { return s.ID })
		return err
	}
	found, err := c.c.Library.Secrets(ctx, l.Account, l.StoreID, l.Began)
	l.IDs = identifiers(found, func(s upstream.Secret) string { return s.ID })
	if err != nil && fault.From(err).Kind == fault.NotFound {
		return nil
	}
	return err
}

func identifiers[T any](found []T, id func(T) string) []string {
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = id(f)
	}
	return ids
}
