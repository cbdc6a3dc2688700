package quota

import (
	"context"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// listingAge is how old a listing may be that a tenant is refused by, so
	// that one who goes on asking does not have all stores listed each time.
	listingAge = 10 * time.Second
	// visible is how long a new object may be missing from a listing.
	visible = time.Minute
)

// listing is what a store or an account was found to hold.
type listing struct {
	account string
	// storeID is the store whose secrets were listed. Empty: the stores of the
	// account were.
	storeID string
	// began is when the reading began.
	began time.Time
	// ids are the identifiers of all that was found.
	ids []string
}

// goes returns what tells the objects that the listing lacks. Those that are
// new may be missing from it though they exist.
func (l listing) goes() func(o owner, id string) bool {
	ids := make(map[string]bool, len(l.ids))
	for _, id := range l.ids {
		ids[id] = true
	}
	return func(o owner, id string) bool { return !ids[id] && o.Since.Before(l.began.Add(-visible)) }
}

// drop takes objects out of the count of their tenant.
func (c *Counter) drop(ctx context.Context, lost objects) error {
	return c.c.Store.Commit(ctx, lost.keys(), func(now map[string]store.Record) (store.Changes, error) {
		t := tally{now: now, changes: map[string]*store.Record{}, holdings: map[string]*holding{}}
		err := t.drop(lost)
		t.write()
		return store.Changes{Records: t.changes}, err
	})
}

// verify takes what is gone out of the count of a tenant, and reports whether
// there was something. What cannot be looked at counts as there.
func (c *Counter) verify(ctx context.Context, a asked) (bool, error) {
	who, now := verifiedKey{reservedPlace{a.account, a.tenant}, a.kind}, c.c.Clock()
	if c.c.Listings == nil || now.Sub(c.verified.since(who)) < verifyPause {
		return false, nil
	}
	has, err := c.has(ctx, a)
	if err != nil {
		return false, err
	}
	dropped := false
	for storeID, owned := range has {
		l := listing{account: a.account, storeID: storeID, began: c.c.Clock().Add(-listingAge)}
		if c.list(ctx, &l) != nil {
			continue
		}
		lost := objects{reservedPlace: reservedPlace{a.account, a.tenant}, store: storeID}
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
func (c *Counter) has(ctx context.Context, a asked) (map[string]map[string]owner, error) {
	prefix := ownerPrefix + a.account + "/"
	if a.kind == stores {
		prefix = ownersKey(a.account, "")
	}
	has := map[string]map[string]owner{}
	err := c.c.Store.Scan(ctx, prefix, func(key string, e store.Record) error {
		storeID, id, _ := strings.Cut(strings.TrimPrefix(key, ownerPrefix+a.account+"/"), "/")
		o, _, err := readOwner(e)
		if err != nil || o.Tenant != a.tenant || (storeID == "") != (a.kind == stores) {
			return err
		}
		if has[storeID] == nil {
			has[storeID] = map[string]owner{}
		}
		has[storeID][id] = o
		return nil
	})
	return has, err
}

// list fills a listing. A store that is gone holds nothing.
func (c *Counter) list(ctx context.Context, l *listing) error {
	if l.storeID == "" {
		found, err := c.c.Listings.Stores(ctx, l.account, l.began)
		l.ids = identifiers(found, func(s upstream.Store) string { return s.ID })
		return err
	}
	found, err := c.c.Listings.Secrets(ctx, l.account, l.storeID, l.began)
	l.ids = identifiers(found, func(s upstream.Secret) string { return s.ID })
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
