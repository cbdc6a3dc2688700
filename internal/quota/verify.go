package quota

import (
	"context"
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
func (l Listing) goes() func(o owner, id string) bool {
	ids := make(map[string]bool, len(l.IDs))
	for _, id := range l.IDs {
		ids[id] = true
	}
	return func(o owner, id string) bool { return !ids[id] && o.Since.Before(l.Began.Add(-visible)) }
}

// Forget takes what a listing shows to be gone out of the counts, whoever
// deleted it. Objects of the last minute stay. Faults: those of the records.
func (c *Client) Forget(ctx context.Context, l Listing) error {
	account, ok := c.counted(l.Account)
	if !ok {
		return nil
	}
	if err := c.dropAll(ctx, account, l.StoreID, l.goes()); err != nil {
		return fault.From(err)
	}
	return nil
}

// dropAll takes secrets of a store, or stores where there is no store, out of the
// counts of all tenants of an account.
func (c *Client) dropAll(ctx context.Context, account, store string, goes func(o owner, id string) bool) error {
	lost := map[string][]string{}
	prefix := ownersKey(account, store)
	err := c.c.Records.Scan(ctx, prefix, func(key string, e records.Entry) error {
		o, _, err := readOwner(e)
		if id := strings.TrimPrefix(key, prefix); err == nil && goes(o, id) {
			lost[o.Tenant] = append(lost[o.Tenant], id)
		}
		return err
	})
	if err != nil {
		return err
	}
	for tenant, ids := range lost {
		if err := c.drop(ctx, objects{place: place{account, tenant}, store: store, ids: ids}); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) drop(ctx context.Context, lost objects) error {
	return c.c.Records.Change(ctx, lost.keys(), c.dropping(lost))
}

// verify takes what is gone out of the count of a tenant, and reports whether
// there was something. What cannot be looked at counts as there.
func (c *Client) verify(ctx context.Context, a asked) (bool, error) {
	who, now := verifiedKey{place{a.account, a.tenant}, a.kind}, c.c.Clock()
	if c.c.Library == nil || now.Sub(c.verified.since(who)) < verifyPause {
		return false, nil
	}
	has, err := c.has(ctx, a)
	if err != nil {
		return false, err
	}
	dropped := false
	for store, owned := range has {
		l := Listing{Account: a.account, StoreID: store, Began: c.c.Clock().Add(-listingAge)}
		if c.list(ctx, &l) != nil {
			continue
		}
		lost := objects{place: place{a.account, a.tenant}, store: store}
		goes := l.goes()
		for id, o := range owned {
			if goes(o, id) {
				lost.ids = append(lost.ids, id)
			}
		}
		if len(lost.ids) == 0 {
			continue
		}
		if err := c.drop(ctx, lost); err != nil {
			return dropped, err
		}
		dropped = true
	}
	if !dropped {
		c.verified.note(who, now)
	}
	return dropped, nil
}

// has gives the objects of a kind that a tenant has in an account, by store and
// identifier.
func (c *Client) has(ctx context.Context, a asked) (map[string]map[string]owner, error) {
	prefix := ownerPrefix + a.account + "/"
	if a.kind == stores {
		prefix = ownersKey(a.account, "")
	}
	has := map[string]map[string]owner{}
	err := c.c.Records.Scan(ctx, prefix, func(key string, e records.Entry) error {
		store, id, _ := strings.Cut(strings.TrimPrefix(key, ownerPrefix+a.account+"/"), "/")
		o, _, err := readOwner(e)
		if err != nil || o.Tenant != a.tenant || (store == "") != (a.kind == stores) {
			return err
		}
		if has[store] == nil {
			has[store] = map[string]owner{}
		}
		has[store][id] = o
		return nil
	})
	return has, err
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
