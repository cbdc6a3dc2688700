package spending_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/recordstest"
)

// memory is a store of records in memory. It passes the contract of all stores,
// and its clock is that of the test.
type memory struct {
	mu     sync.Mutex
	kept   map[string]records.Entry
	closed bool
}

func newMemory() *memory { return &memory{kept: map[string]records.Entry{}} }

func TestTheStoreOfTheTestsKeepsTheContract(t *testing.T) {
	t.Parallel()
	recordstest.Contract(t, func(*testing.T) records.Store { return newMemory() })
}

func (m *memory) usable(ctx context.Context, keys []string) error {
	if m.closed {
		return records.Unavailable(records.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	return records.CheckKeys(keys)
}

// expire drops the records whose time is over.
func (m *memory) expire() {
	now := time.Now()
	maps.DeleteFunc(m.kept, func(_ string, e records.Entry) bool { return !e.Expires.IsZero() && !e.Expires.After(now) })
}

func (m *memory) found(keys []string) map[string]records.Entry {
	m.expire()
	found := map[string]records.Entry{}
	for _, key := range keys {
		if e, ok := m.kept[key]; ok {
			found[key] = e
		}
	}
	return found
}

func (m *memory) Get(ctx context.Context, keys ...string) (map[string]records.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx, keys); err != nil {
		return nil, err
	}
	return m.found(keys), nil
}

func (m *memory) Change(ctx context.Context, keys []string, decide records.Decide) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx, keys); err != nil {
		return err
	}
	changes, err := decide(m.found(keys))
	if err != nil {
		return err
	}
	if err := records.CheckChanges(keys, changes); err != nil {
		return err
	}
	for key, e := range changes {
		if e == nil {
			delete(m.kept, key)
			continue
		}
		m.kept[key] = records.Entry{Value: slices.Clone(e.Value), Expires: records.End(records.Until(e.Expires))}
	}
	return nil
}

func (m *memory) Scan(ctx context.Context, prefix string, visit func(string, records.Entry) error) error {
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

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
