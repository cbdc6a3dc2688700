package servertest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/store"
)

// keeper returns a Coordinator with records in memory. Reconciliation never finds the outcome of a
// change whose response was lost.
func (g *Gate) keeper(tb testing.TB, lines func(context.Context, []audit.Record) error) *idempotency.Coordinator {
	tb.Helper()
	if lines == nil {
		lines = g.Trail.commit
	}
	k, err := idempotency.New(idempotency.Config{
		Store: &memory{kept: map[string]store.Record{}, lines: lines}, Replica: "one", Alone: true, Pepper: make([]byte, 32),
		Settle: time.Millisecond,
		Recover: func(context.Context, *idempotency.Operation) ([]byte, error) {
			return nil, change.ErrUnproven
		},
		Found: func(i idempotency.Intent, _ []byte, _ error) audit.Record {
			return audit.Record{ID: i.ID, Caller: i.Caller, Method: i.Method, RequestID: i.RequestID, Outcome: audit.Unknown, Reason: "UNPROVEN"}
		},
	})
	must(tb, err)
	k.Start(tb.Context())
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := k.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	return k
}

// memory is a store.Store in memory.
type memory struct {
	lines func(context.Context, []audit.Record) error

	mu   sync.Mutex
	kept map[string]store.Record
}

// Commit is atomic.
func (m *memory) Commit(ctx context.Context, keys []string, decide store.Decide, _ ...store.Lazy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes, err := decide(m.found(keys))
	if err != nil {
		return err
	}
	if err := store.CheckChanges(keys, changes.Records); err != nil {
		return err
	}
	if len(changes.Lines) > 0 {
		if err := m.lines(ctx, changes.Lines); err != nil {
			return store.Unavailable(err)
		}
	}
	for key, r := range changes.Records {
		if r == nil {
			delete(m.kept, key)
			continue
		}
		m.kept[key] = *r
	}
	return nil
}

func (m *memory) found(keys []string) map[string]store.Record {
	found := map[string]store.Record{}
	for _, key := range keys {
		if r, ok := m.kept[key]; ok && (r.Expires.IsZero() || time.Now().Before(r.Expires)) {
			found[key] = r
		}
	}
	return found
}

// Get returns records.
func (m *memory) Get(_ context.Context, keys ...string) (map[string]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.found(keys), nil
}

// Scan visits records.
func (m *memory) Scan(_ context.Context, prefix string, visit func(string, store.Record) error) error {
	m.mu.Lock()
	kept := maps.Clone(m.kept)
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(kept)) {
		if !strings.HasPrefix(key, prefix) || !kept[key].Expires.IsZero() {
			continue
		}
		if err := visit(key, kept[key]); err != nil {
			return err
		}
	}
	return nil
}

// Trail visits nothing: the lines went to Config.Lines.
func (*memory) Trail(context.Context, uint64, func([]byte) error) error { return nil }

// Events returns nothing: there is one replica.
func (*memory) Events(context.Context, string, store.Position) ([][]byte, store.Position, bool, error) {
	return nil, "", true, nil
}

// Healthy returns nil.
func (*memory) Healthy(context.Context) error { return nil }

// Close does nothing.
func (*memory) Close() error { return nil }
