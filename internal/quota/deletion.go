package quota

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
)

// goneAge is the time for which a deleted store is remembered. A create whose outcome was lost may end long
// after the store was deleted.
const goneAge = 24 * time.Hour

// deletion is the record of a store that is being deleted or was deleted. Creates in the store do not wait for
// the deletion and may end in any order.
type deletion struct {
	// Done says that the store was deleted. Creates that end later are not counted.
	Done bool
	// Ended is the number of creates that made something and ended while the deletion ran.
	Ended int
}

// deletionKey returns the key of the deletion of a store.
func deletionKey(account, store string) string { return deletionPrefix + account + "/" + store }

// readDeletion decodes the record of a deletion. It returns false if there is none.
func readDeletion(e store.Record) (deletion, bool, error) {
	if len(e.Value) == 0 {
		return deletion{}, false, nil
	}
	r := fields.Read(e.Value, recordVersion)
	d := deletion{Done: r.Bool(), Ended: int(r.Int())}
	return d, true, r.End()
}

func (d deletion) record(expires time.Time) *store.Record {
	return &store.Record{Value: fields.Int(fields.Bool(fields.Begin(recordVersion, 8), d.Done), d.Ended), Expires: expires}
}

// beginDeletion records that a store is being deleted, unless it was deleted before.
func (n *note) beginDeletion(now map[string]store.Record, changes map[string]*store.Record) error {
	key := deletionKey(n.Account, n.StoreID)
	_, known, err := readDeletion(now[key])
	if err == nil && !known {
		changes[key] = deletion{}.record(time.Time{})
	}
	return err
}

// deletion reads the record of the deletion that the change makes.
func (r *Release) deletion(ctx context.Context) (deletion, error) {
	key := deletionKey(r.Account, r.StoreID)
	now, err := r.c.Store.Get(ctx, key)
	if err != nil {
		return deletion{}, err
	}
	d, _, err := readDeletion(now[key])
	return d, err
}

// endDeletion records the end of a deletion. It returns store.ErrOutdated if a create in the store has ended
// since the objects of the store were read. A store that Cloudflare does not find may be one that it does not
// show yet, so only a deletion that was done is remembered.
func (r *Release) endDeletion(t tally) error {
	key := deletionKey(r.Account, r.StoreID)
	d, known, err := readDeletion(t.now[key])
	switch {
	case err != nil:
		return err
	case (r.ended.Done || r.ended.Gone) && d != r.seen:
		return store.ErrOutdated
	case r.ended.Done:
		t.changes[key] = deletion{Done: true}.record(r.c.Clock().Add(goneAge))
	case known && !d.Done:
		t.changes[key] = nil
	}
	return nil
}

// goneBefore reports whether the store of created secrets was deleted before the create ended, and the secrets
// with it. If the store is being deleted, goneBefore counts the create for endDeletion.
func (r *Release) goneBefore(t tally) (gone bool, err error) {
	key := deletionKey(r.Account, r.StoreID)
	d, known, err := readDeletion(t.now[key])
	if err != nil || !known || d.Done || len(r.ended.Made) == 0 {
		return d.Done, err
	}
	d.Ended++
	t.changes[key] = d.record(time.Time{})
	return false, nil
}
