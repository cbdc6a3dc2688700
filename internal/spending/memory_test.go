package spending_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/storetest"
)

// memory is an in-memory store that passes the contract of all stores and uses the clock of the test.
type memory struct {
	mu     sync.Mutex
	kept   map[string]store.Record
	chain  *audit.Chain
	lines  [][]byte
	closed bool
}

func newMemory() *memory {
	return &memory{kept: map[string]store.Record{}, chain: audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})}
}

func TestTheStoreOfTheTestsKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Contract(t, func(*testing.T) store.Store { return newMemory() })
}

func (m *memory) usable(ctx context.Context, keys []string) error {
	if m.closed {
		return store.Unavailable(store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	return store.CheckKeys(keys)
}

// found returns the records that exist, and drops those of the keys whose time is over.
func (m *memory) found(keys []string) map[string]store.Record {
	now, found := time.Now(), map[string]store.Record{}
	for _, key := range keys {
		e, ok := m.kept[key]
		switch {
		case !ok:
		case !e.Expires.IsZero() && !e.Expires.After(now):
			delete(m.kept, key)
		default:
			found[key] = e
		}
	}
	return found
}

func (m *memory) Get(ctx context.Context, keys ...string) (map[string]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx, keys); err != nil {
		return nil, err
	}
	return m.found(keys), nil
}

func (m *memory) Commit(ctx context.Context, keys []string, decide store.Decide, _ ...store.Lazy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx, keys); err != nil {
		return err
	}
	changes, err := decide(m.found(keys))
	if err != nil {
		return err
	}
	if err := store.CheckChanges(keys, changes.Records); err != nil {
		return err
	}
	if err := m.write(changes.Lines); err != nil {
		return err
	}
	for key, e := range changes.Records {
		if e == nil {
			delete(m.kept, key)
			continue
		}
		m.kept[key] = store.Record{Value: slices.Clone(e.Value), Expires: store.End(store.Until(e.Expires))}
	}
	return nil
}

func (m *memory) Scan(ctx context.Context, prefix string, visit func(string, store.Record) error) error {
	m.mu.Lock()
	err := m.usable(ctx, nil)
	kept := maps.Clone(m.kept)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(kept)) {
		if strings.HasPrefix(key, prefix) && kept[key].Expires.IsZero() {
			if err := visit(key, kept[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// write appends lines to the trail, all of them or none.
func (m *memory) write(records []audit.Record) error {
	at, lines := m.chain.At(), m.lines
	for _, r := range records {
		line, err := m.chain.Append(nil, r, time.Now())
		if err != nil {
			m.chain.Rewind(at)
			return fault.From(err)
		}
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	m.lines = lines
	return nil
}

func (m *memory) Trail(ctx context.Context, after uint64, visit func([]byte) error) error {
	m.mu.Lock()
	err := m.usable(ctx, nil)
	lines := m.lines[min(after, uint64(len(m.lines))):]
	m.mu.Unlock()
	if err != nil {
		return err
	}
	for _, line := range lines {
		if err := visit(line); err != nil {
			return err
		}
	}
	return nil
}

// Events returns no events, because only the budgets use the store.
func (m *memory) Events(ctx context.Context, _ string, after store.Position) ([][]byte, store.Position, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return nil, "known", after != "", m.usable(ctx, nil)
}

func (m *memory) Healthy(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.usable(ctx, nil)
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
