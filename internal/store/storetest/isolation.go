package storetest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"platform.internal/storekeeper/internal/store"
)

const (
	workers = 8
	rounds  = 25
)

// number decodes a counter. A missing counter is 0.
func number(e store.Record) int {
	n, _ := strconv.Atoi(string(e.Value))
	return n
}

func counter(n int) *store.Record {
	return &store.Record{Value: []byte(strconv.Itoa(n))}
}

// all runs work in parallel and reports its errors.
func all(t *testing.T, work func(worker, round int) error) {
	t.Helper()
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for round := range rounds {
				if err := work(worker, round); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// isolation counts up three of four counters in each change.
func isolation(t *testing.T, s store.Store) {
	names := []string{"a", "b", "c", "d"}
	var mu sync.Mutex
	expected := make(map[string]int)
	all(t, func(worker, round int) error {
		var keys []string
		for i, name := range names {
			if i != (worker+round)%len(names) {
				keys = append(keys, name)
			}
		}
		err := s.Commit(t.Context(), keys, func(now map[string]store.Record) (store.Changes, error) {
			changes := make(map[string]*store.Record)
			for _, key := range keys {
				changes[key] = counter(number(now[key]) + 1)
			}
			return store.Changes{Records: changes}, nil
		})
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, key := range keys {
			expected[key]++
		}
		return nil
	})
	found, err := s.Get(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got := number(found[name]); got != expected[name] {
			t.Errorf("%s is %d after %d changes", name, got, expected[name])
		}
	}
}

// transfers moves units between counters, refuses to go below 0, deletes counters that become 0,
// and reads all counters concurrently.
func transfers(t *testing.T, s store.Store) {
	const total = 20
	names := []string{"a", "b", "c"}
	set(t, s, "a", counter(total))
	sum := func() (int, error) {
		found, err := s.Get(t.Context(), names...)
		return number(found["a"]) + number(found["b"]) + number(found["c"]), err
	}
	all(t, func(worker, round int) error {
		from, to := names[(worker+round)%3], names[(worker+2*round+1)%3]
		err := s.Commit(t.Context(), []string{from, to}, transfer(from, to))
		if err != nil {
			return err
		}
		got, err := sum()
		if err == nil && got != total {
			err = fmt.Errorf("the sum is %d, want %d", got, total)
		}
		return err
	})
}

func transfer(from, to string) store.Decide {
	return func(now map[string]store.Record) (store.Changes, error) {
		here := number(now[from])
		if here == 0 || from == to {
			return store.Changes{}, nil
		}
		changes := map[string]*store.Record{to: counter(number(now[to]) + 1), from: counter(here - 1)}
		if here == 1 {
			changes[from] = nil
		}
		return store.Changes{Records: changes}, nil
	}
}
