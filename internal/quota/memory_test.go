package quota_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	storing "platform.internal/storekeeper/internal/store"
)

// memory is a store.Store that is forgotten.
type memory struct {
	mu      sync.Mutex
	entries map[string]storing.Record
	// fails, if set, may refuse a commit of keys.
	fails func(keys []string) error
}

func newMemory() *memory { return &memory{entries: map[string]storing.Record{}} }

func (m *memory) Get(_ context.Context, keys ...string) (map[string]storing.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(keys), nil
}

func (m *memory) get(keys []string) map[string]storing.Record {
	found := map[string]storing.Record{}
	for _, key := range keys {
		if e, ok := m.entries[key]; ok && (e.Expires.IsZero() || time.Now().Before(e.Expires)) {
			found[key] = e
		}
	}
	return found
}

func (m *memory) Commit(ctx context.Context, keys []string, decide storing.Decide, _ ...storing.Lazy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fails != nil {
		if err := m.fails(keys); err != nil {
			return err
		}
	}
	// A store may ask several times.
	if _, err := decide(m.get(keys)); err != nil {
		return err
	}
	changes, err := decide(m.get(keys))
	if err == nil {
		err = errors.Join(storing.CheckKeys(keys), storing.CheckChanges(keys, changes.Records))
	}
	if err != nil {
		return err
	}
	for key, e := range changes.Records {
		if e == nil {
			delete(m.entries, key)
		} else {
			m.entries[key] = *e
		}
	}
	return nil
}

func (m *memory) Scan(_ context.Context, prefix string, visit func(string, storing.Record) error) error {
	m.mu.Lock()
	all := maps.Clone(m.entries)
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(key, prefix) && all[key].Expires.IsZero() {
			if err := visit(key, all[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (*memory) Trail(context.Context, uint64, func([]byte) error) error { return nil }

func (*memory) Events(context.Context, string, storing.Position) ([][]byte, storing.Position, bool, error) {
	return nil, "", true, nil
}

func (*memory) Healthy(context.Context) error { return nil }

func (*memory) Close() error { return nil }
