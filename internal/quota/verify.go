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
	// listingAge is the maximum age of a listing used for verification, so that a tenant that retries does
	// not cause a fresh listing of all stores each time.
	listingAge = 10 * time.Second
	// visible is the time for which a new object may be missing from a listing.
	visible = time.Minute
)

// listing is the content of a store or an account.
type listing struct {
	account string
	// storeID is the store whose secrets are listed. Empty: the stores of the account are listed.
	storeID string
	// began is when the reading began.
	began time.Time
	// ids are the identifiers of all listed objects.
	ids []string
}

// goes returns a predicate for objects that the listing proves deleted. New objects may be missing from the
// listing although they exist.
func (l listing) goes() func(o owner, id string) bool {
	ids := make(map[string]bool, len(l.ids))
	for _, id := range l.ids {
		ids[id] = true
	}
	return func(o owner, id string) bool { return !ids[id] && o.Since.Before(l.began.Add(-visible)) }
}

// drop subtracts objects from the count of their tenant.
func (c *Counter) drop(ctx context.Context, lost objects) error {
	return c.c.Store.Commit(ctx, lost.keys(), func(now map[string]store.Record) (store.Changes, error) {
		t := tally{now: now, changes: map[string]*store.Record{}}
		err := t.drop(lost)
		return store.Changes{Records: t.changes}, err
	})
}

// verify stops counting objects that no longer exist, and reports whether there were any. If a listing fails,
// its objects count as existing.
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

// has returns the counted objects of a kind of a tenant in an account, by store and identifier.
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

// list fills a listing. A store that does not exist is empty.
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
