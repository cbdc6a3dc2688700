package quota

import (
	"context"
	"maps"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/store"
)

// Ended describes the outcome of a change.
type Ended struct {
	// Made are the identifiers of the objects that the change created.
	Made []string
	// Done says that the change was made. Gone says that the object to delete did not exist.
	Done, Gone bool
}

// Release is the part of a change in the commit that ends the change. It converts reserved places to objects
// or frees them, and stops counting deleted objects.
type Release struct {
	*Counter
	note

	ended Ended
	// seen is the record of the deletion of the store at the time at which its objects were read.
	seen deletion
	// taken is what the change took, if it was to make something.
	taken asked
	// made are the names of the records of the created objects, which Keys sets.
	made []string
	// lost are the objects that are gone, by the key of their tenant.
	lost []objects
}

// Release returns the release of a change from the Note of its reservation. It reads the owners of the
// deleted objects. If they have changed since, Apply returns store.ErrOutdated.
func (c *Counter) Release(ctx context.Context, kept []byte, e Ended) (*Release, error) {
	n, err := readNote(kept)
	if err != nil {
		return nil, err
	}
	return c.releaseOf(ctx, n, n.asked(), e)
}

func (c *Counter) releaseOf(ctx context.Context, n note, taken asked, e Ended) (*Release, error) {
	r := &Release{Counter: c, note: n, taken: taken, ended: e}
	var err error
	switch {
	case r.DeletesStore && (e.Done || e.Gone):
		// The count of creates is read first: a create that ends later makes Apply fail.
		if r.seen, err = r.deletion(ctx); err == nil {
			err = r.loseStore(ctx)
		}
	case len(r.Deletes) > 0 && (e.Done || e.Gone && len(r.Deletes) == 1):
		r.lost, err = c.owners(ctx, r.Account, r.StoreID, r.Deletes)
	}
	return r, err
}

// loseStore finds the owners of the deleted store and of all its secrets.
func (r *Release) loseStore(ctx context.Context) error {
	all, err := r.owned(ctx, r.Account, r.StoreID, func(owner, string) bool { return true })
	if err != nil {
		return err
	}
	store, err := r.owners(ctx, r.Account, "", []string{r.StoreID})
	r.lost = append(all, store...)
	return err
}

// Keys are the records that Apply reads and changes. It is called before Apply.
func (r *Release) Keys() []string {
	var keys []string
	if r.Places > 0 {
		keys = r.taken.keys(len(r.ended.Made) + 1)
		if r.Tenant != nil {
			if r.Kind == secrets {
				keys = append(keys, deletionKey(r.Account, r.StoreID))
			}
			for _, id := range r.ended.Made {
				keys = append(keys, ownerKey(r.Account, r.home(), id))
			}
			r.made = keys[len(keys)-len(r.ended.Made):]
		}
	}
	if r.DeletesStore {
		keys = append(keys, deletionKey(r.Account, r.StoreID))
	}
	for _, o := range r.lost {
		keys = append(keys, o.keys()...)
	}
	return keys
}

// home returns the store of the created objects, "" for stores.
func (r *Release) home() string {
	if r.Kind == stores {
		return ""
	}
	return r.StoreID
}

// Apply adds the new counts to changes.
func (r *Release) Apply(now map[string]store.Record, changes map[string]*store.Record) error {
	t := tally{now: now, changes: changes}
	if r.Places > 0 {
		if err := r.keep(t); err != nil {
			return err
		}
	}
	if r.DeletesStore {
		if err := r.endDeletion(t); err != nil {
			return err
		}
	}
	for _, o := range r.lost {
		if err := t.drop(o); err != nil {
			return err
		}
	}
	return nil
}

// keep converts the reserved places to objects of the tenant.
func (r *Release) keep(t tally) error {
	if r.Kind == secrets {
		key := accountKey(r.Account)
		b, err := readBalance(t.now[key])
		if err != nil {
			return err
		}
		b.Held = max(0, b.Held-int64(r.Places))
		b.Made += int64(len(r.ended.Made))
		t.changes[key] = b.record(r.c.Clock())
	}
	if r.Tenant == nil {
		return nil
	}
	h, err := t.holding(r.taken.tenantKey)
	if err != nil {
		return err
	}
	*h.held(r.Kind) = max(0, *h.held(r.Kind)-r.Places)
	made := r.made
	if r.Kind == secrets {
		gone, err := r.goneBefore(t)
		if err != nil {
			return err
		}
		if gone {
			made = nil
		}
	}
	for _, object := range made {
		if _, counted := t.now[object]; !counted {
			*h.count(r.Kind)++
			t.changes[object] = (&owner{Tenant: *r.Tenant, Since: r.c.Clock()}).record()
		}
	}
	t.changes[r.taken.tenantKey] = h.record()
	return nil
}

// tally collects the new counts of tenants. A commit may change the same tenant several times.
type tally struct {
	now     map[string]store.Record
	changes map[string]*store.Record
}

// holding returns the record of a tenant with the changes so far.
func (t tally) holding(key string) (holding, error) {
	switch changed, is := t.changes[key]; {
	case !is:
		return readHolding(t.now[key])
	case changed != nil:
		return readHolding(*changed)
	}
	return holding{}, nil
}

// drop subtracts the objects that still count from the count of their tenant.
func (t tally) drop(lost objects) error {
	key := tenantKey(lost.account, lost.tenant)
	h, err := t.holding(key)
	if err != nil {
		return err
	}
	for _, id := range lost.ids {
		object := ownerKey(lost.account, lost.store, id)
		o, counted, err := readOwner(t.now[object])
		if err != nil {
			return err
		}
		if counted && o.Tenant == lost.tenant {
			n := h.count(lost.kind())
			*n = max(0, *n-1)
			t.changes[object] = nil
		}
	}
	t.changes[key] = h.record()
	return nil
}

// objects are objects of one tenant: secrets of a store, or stores if store is empty.
type objects struct {
	reservedPlace

	store string
	ids   []string
}

func (o objects) kind() resourceState {
	if o.store == "" {
		return stores
	}
	return secrets
}

// keys returns the records that count the objects.
func (o objects) keys() []string {
	keys := []string{tenantKey(o.account, o.tenant)}
	for _, id := range o.ids {
		keys = append(keys, ownerKey(o.account, o.store, id))
	}
	return keys
}

// owners groups objects by the tenant that created them. It omits objects that are not counted. store is ""
// for stores: an object that was not found in one store may exist in another.
func (c *Counter) owners(ctx context.Context, account, store string, ids []string) ([]objects, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = ownerKey(account, store, id)
	}
	found, err := c.c.Store.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	byTenant := map[string][]string{}
	for key, e := range found {
		o, _, err := readOwner(e)
		if err != nil {
			return nil, err
		}
		byTenant[o.Tenant] = append(byTenant[o.Tenant], strings.TrimPrefix(key, ownersKey(account, store)))
	}
	return listed(account, store, byTenant), nil
}

// owned returns the counted objects of a store, or the stores of an account if storeID is empty, for which
// goes is true.
func (c *Counter) owned(ctx context.Context, account, storeID string, goes func(o owner, id string) bool) ([]objects, error) {
	byTenant := map[string][]string{}
	prefix := ownersKey(account, storeID)
	err := c.c.Store.Scan(ctx, prefix, func(key string, e store.Record) error {
		o, _, err := readOwner(e)
		if id := strings.TrimPrefix(key, prefix); err == nil && goes(o, id) {
			byTenant[o.Tenant] = append(byTenant[o.Tenant], id)
		}
		return err
	})
	return listed(account, storeID, byTenant), err
}

func listed(account, store string, byTenant map[string][]string) []objects {
	var all []objects
	for _, tenant := range slices.Sorted(maps.Keys(byTenant)) {
		all = append(all, objects{reservedPlace: reservedPlace{account, tenant}, store: store, ids: byTenant[tenant]})
	}
	return all
}
