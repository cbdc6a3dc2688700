package bolt_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
)

// model does the same to a store and to a map, and compares them.
type model struct {
	rand  *rand.Rand
	file  string
	store *bolt.Store
	have  map[string]records.Entry
	names int
}

// want is those of the records that exist.
func (m *model) want() map[string]records.Entry {
	now := maps.Clone(m.have)
	maps.DeleteFunc(now, func(_ string, e records.Entry) bool { return !e.Expires.IsZero() && !e.Expires.After(time.Now()) })
	return now
}

func (m *model) key() string { return fmt.Sprintf("%c/%d", 'a'+m.rand.IntN(3), m.rand.IntN(m.names)) }

func (m *model) entry() *records.Entry {
	e := &records.Entry{Value: []byte(strings.Repeat(string(rune('a'+m.rand.IntN(26))), m.rand.IntN(2000)))}
	switch dice := m.rand.IntN(100); {
	case dice < 20:
		return nil
	case dice < 22:
		// So large that the journal turns soon.
		e.Value = make([]byte, 1<<20+m.rand.IntN(2<<20))
	case dice < 50:
		// Stores keep milliseconds.
		e.Expires = time.Now().Add(time.Duration(m.rand.IntN(3000)) * time.Millisecond).UTC().Truncate(time.Millisecond)
	}
	return e
}

// step does one thing at random.
func (m *model) step(t *testing.T) {
	t.Helper()
	switch m.rand.IntN(40) {
	case 0:
		if err := m.store.Close(); err != nil {
			t.Fatal(err)
		}
		m.store = open(t, m.file)
	case 1:
		// A crash: what is on the disk now is all there is.
		synctest.Wait()
		m.file = image(t, m.file)
		m.store = open(t, m.file)
	case 2, 3:
		time.Sleep(time.Duration(m.rand.IntN(1500)) * time.Millisecond)
	case 4:
		time.Sleep(2 * time.Minute)
	case 5, 6:
		m.scan(t)
	case 7, 8, 9, 10, 11, 12, 13, 14:
		m.look(t)
	default:
		m.change(t)
	}
}

// change changes some of the records that decide sees.
func (m *model) change(t *testing.T) {
	t.Helper()
	keys := make([]string, 1+m.rand.IntN(5))
	changes := make(map[string]*records.Entry)
	for i := range keys {
		keys[i] = m.key()
		if m.rand.IntN(3) > 0 {
			changes[keys[i]] = m.entry()
		}
	}
	err := m.store.Change(t.Context(), keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		return changes, m.compare(now, keys)
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, e := range changes {
		if delete(m.have, key); e != nil {
			m.have[key] = *e
		}
	}
}

func (m *model) look(t *testing.T) {
	t.Helper()
	keys := []string{m.key(), m.key(), m.key()}
	found, err := m.store.Get(t.Context(), keys...)
	if err == nil {
		err = m.compare(found, keys)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (m *model) compare(found map[string]records.Entry, keys []string) error {
	want := m.want()
	maps.DeleteFunc(want, func(key string, _ records.Entry) bool { return !slices.Contains(keys, key) })
	same := func(a, b records.Entry) bool { return string(a.Value) == string(b.Value) && a.Expires.Equal(b.Expires) }
	if !maps.EqualFunc(found, want, same) {
		return fmt.Errorf("of %q there are %d, want %d, or others", keys, len(found), len(want))
	}
	return nil
}

func (m *model) scan(t *testing.T) {
	t.Helper()
	prefix := []string{"", "a/", "b/", "c/1", "d"}[m.rand.IntN(5)]
	want := m.want()
	maps.DeleteFunc(want, func(key string, e records.Entry) bool { return !e.Expires.IsZero() || !strings.HasPrefix(key, prefix) })
	var visited []string
	err := m.store.Scan(t.Context(), prefix, func(key string, e records.Entry) error {
		if visited = append(visited, key); string(want[key].Value) != string(e.Value) {
			t.Errorf("%q has another value", key)
		}
		return nil
	})
	if sorted := slices.Sorted(maps.Keys(want)); err != nil || !slices.Equal(visited, sorted) {
		t.Fatalf("visited %q, want %q: %v", visited, sorted, err)
	}
}

// TestTheStoreIsLikeAMap closes, kills and opens the store at random.
func TestTheStoreIsLikeAMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "records")
			synctest.Test(t, func(t *testing.T) {
				m := &model{
					rand: rand.New(rand.NewPCG(seed, 11)), file: file, store: open(t, file),
					have: make(map[string]records.Entry), names: 10 + 100*int(seed%2),
				}
				for range 250 {
					m.step(t)
				}
			})
		})
	}
}
