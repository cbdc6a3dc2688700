package file_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/disk/disktest"
	"platform.internal/storekeeper/internal/store/file"
)

// model is the expected content of a store.
type model map[string]store.Record

// now drops expired records.
func (m model) now() model {
	maps.DeleteFunc(m, func(_ string, r store.Record) bool { return !r.Expires.IsZero() && !r.Expires.After(time.Now()) })
	return m
}

// lasting are the keys of records without an expiry that begin with a prefix.
func (m model) lasting(prefix string) []string {
	var keys []string
	for key, r := range m {
		if r.Expires.IsZero() && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return slices.Sorted(slices.Values(keys))
}

// TestTheStoreIsAMap does random things with a store and with a map, lets time
// pass, and ends the process in each way between them.
func TestTheStoreIsAMap(t *testing.T) {
	t.Parallel()
	for range 40 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			system, kept := memory(), model{}
			for range 4 {
				system = life(t, random, system, kept)
			}
		})
		if t.Failed() {
			t.Fatalf("it was seed %d", seed)
		}
	}
}

func life(t *testing.T, random *rand.Rand, system *disktest.FS, kept model) (left *disktest.FS) {
	t.Helper()
	s, err := file.Open(t.Context(), onMemory(system))
	must(t, err)
	defer func() { must(t, s.Close()) }()
	for range 150 {
		keys := make([]string, 1+random.IntN(3))
		for i := range keys {
			keys[i] = fmt.Sprintf("%c/%d", 'a'+rune(random.IntN(3)), random.IntN(12))
		}
		change(t, random, s, kept, keys)
		time.Sleep(20 * time.Millisecond) // segments this small are soon full of lines that wait for a sync
		if random.IntN(4) == 0 {
			time.Sleep(time.Duration(random.IntN(60)) * time.Second)
		}
		same(t, s, kept.now(), keys)
	}
	for _, prefix := range []string{"", "a/", "b/1", "d"} {
		var visited []string
		must(t, s.Scan(t.Context(), prefix, func(key string, _ store.Record) error {
			visited = append(visited, key)
			return nil
		}))
		if expected := kept.now().lasting(prefix); !slices.Equal(visited, expected) {
			t.Errorf("a scan of %q visits %q, want %q", prefix, visited, expected)
		}
	}
	switch random.IntN(3) {
	case 0:
		return system.Kill()
	case 1:
		return system.Crash(random)
	default:
		must(t, s.Close())
		return system
	}
}

// change puts or deletes some of the records. decide must see the records of the model.
func change(t *testing.T, random *rand.Rand, s *file.Store, kept model, keys []string) {
	t.Helper()
	changes := map[string]*store.Record{}
	for _, key := range keys {
		switch random.IntN(5) {
		case 0:
			changes[key] = nil
		case 1:
		case 2:
			changes[key] = &store.Record{Value: fmt.Append(nil, random.Uint64())}
		default:
			value := strings.Repeat("x", random.IntN(600))
			changes[key] = &store.Record{Value: []byte(value), Expires: time.Now().Add(time.Duration(1+random.IntN(3000)) * time.Second)}
		}
	}
	must(t, s.Commit(t.Context(), keys, func(now map[string]store.Record) (store.Changes, error) {
		for _, key := range keys {
			if r, exists := kept.now()[key]; exists && string(now[key].Value) != string(r.Value) {
				t.Errorf("decide sees %.20q at %s, want %.20q", now[key].Value, key, r.Value)
			}
		}
		return store.Changes{Records: changes}, nil
	}))
	for key, r := range changes {
		if r == nil {
			delete(kept, key)
		} else {
			kept[key] = *r
		}
	}
}

func same(t *testing.T, s *file.Store, kept model, keys []string) {
	t.Helper()
	found, err := s.Get(t.Context(), keys...)
	must(t, err)
	for _, key := range keys {
		got, exists := found[key]
		expected, kept := kept[key]
		if exists != kept || string(got.Value) != string(expected.Value) || !got.Expires.Equal(expected.Expires) {
			t.Errorf("%s is %.20q until %v, want %.20q until %v", key, got.Value, got.Expires, expected.Value, expected.Expires)
		}
	}
}
