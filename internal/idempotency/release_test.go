package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"

	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/store"
)

// moving is a reservation whose records change a few times between Release and the commit.
type moving struct {
	changes  int
	released int
}

func (m *moving) Check(context.Context) error       { return nil }
func (m *moving) Keys() []string                    { return []string{"quota"} }
func (m *moving) Wait(context.Context, error) error { return nil }
func (m *moving) Note() []byte                      { return []byte("note") }

func (m *moving) Take(map[string]store.Record, map[string]*store.Record) error { return nil }

func (m *moving) Release(context.Context, idempotency.Ended) (idempotency.Release, error) {
	m.released++
	return m, nil
}

// Apply ends the reservation.
func (m *moving) Apply(_ map[string]store.Record, changes map[string]*store.Record) error {
	if m.released <= m.changes {
		return store.ErrOutdated
	}
	changes["quota"] = &store.Record{Value: []byte("ended")}
	return nil
}

func TestAReleaseIsMadeAnewAfterItsRecordsHaveChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		r := life(t, d, w, nil)
		m := &moving{changes: 3}
		c := on(keyed("k", "a"), "o")
		c.Reservation = m
		want(t, r.do(t.Context(), c), "a number 1", false)
		if m.released != 4 {
			t.Errorf("released %d times", m.released)
		}
		if got := d.names("quota"); len(got) != 1 {
			t.Errorf("the records are %v", got)
		}
		want(t, r.do(t.Context(), c), "a number 1", true)
		nothingOpen(t, d)
	})
}
