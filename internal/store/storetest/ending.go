package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// gone waits until a record does not exist any more.
func gone(t *testing.T, s store.Store, key string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < late; <-time.After(5 * time.Millisecond) {
		found, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			return
		}
	}
	t.Fatalf("%q did not end", key)
}

func ends(t *testing.T, s store.Store) {
	end := time.Now().Add(soon)
	set(t, s, "a", &store.Record{Value: []byte("x"), Expires: end})
	set(t, s, "past", &store.Record{Value: []byte("x"), Expires: time.Now().Add(-time.Hour)})
	set(t, s, "ancient", &store.Record{Value: []byte("x"), Expires: time.Unix(-1, 0)})
	gone(t, s, "past")
	gone(t, s, "ancient")
	gone(t, s, "a")
	if early := time.Until(end); early > 0 {
		t.Errorf("the record ended %v too early", early)
	}
	// For a commit the record does not exist either, and the key is free.
	err := s.Commit(t.Context(), []string{"a"}, func(now map[string]store.Record) (store.Changes, error) {
		if len(now) != 0 {
			return store.Changes{}, errRefused
		}
		return store.Changes{Records: map[string]*store.Record{"a": {Value: []byte("new")}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, map[string]string{"a": "new"}, "a")
}

func moved(t *testing.T, s store.Store) {
	value := []byte("x")
	set(t, s, "a", &store.Record{Value: value, Expires: time.Now().Add(soon)})
	set(t, s, "b", &store.Record{Value: value, Expires: time.Now().Add(soon)})
	set(t, s, "a", &store.Record{Value: value, Expires: time.Now().Add(time.Hour)})
	set(t, s, "b", &store.Record{Value: value})
	set(t, s, "c", &store.Record{Value: value})
	set(t, s, "c", &store.Record{Value: value, Expires: time.Now().Add(soon)})
	gone(t, s, "c")
	want(t, s, map[string]string{"a": "x", "b": "x"}, "a", "b", "c")
	wantScan(t, s, "", []string{"b"})
}

// wantScan compares the keys that a scan visits.
func wantScan(t *testing.T, s store.Store, prefix string, keys []string) {
	t.Helper()
	var visited []string
	err := s.Scan(t.Context(), prefix, func(key string, e store.Record) error {
		visited = append(visited, key)
		if !e.Expires.IsZero() {
			return fmt.Errorf("%q has an end", key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(visited, keys) {
		t.Fatalf("a scan of %q visits %q, want %q", prefix, visited, keys)
	}
}

func scan(t *testing.T, s store.Store) {
	wantScan(t, s, "", nil)
	for _, key := range []string{"b/2", "b/10", "a", "b", "c", "b\xff", "b\xff\xff", "B/1", "b/\x00", "b0"} {
		set(t, s, key, &store.Record{Value: []byte(key)})
	}
	set(t, s, "b/gone", &store.Record{})
	set(t, s, "b/gone", nil)
	wantScan(t, s, "b/", []string{"b/\x00", "b/10", "b/2"})
	wantScan(t, s, "b\xff", []string{"b\xff", "b\xff\xff"})
	wantScan(t, s, "\xff", nil)
	wantScan(t, s, "c", []string{"c"})
	wantScan(t, s, "", []string{"B/1", "a", "b", "b/\x00", "b/10", "b/2", "b0", "b\xff", "b\xff\xff", "c"})
}

func scanLasting(t *testing.T, s store.Store) {
	hour := time.Now().Add(time.Hour)
	set(t, s, "a", &store.Record{Value: []byte("x"), Expires: hour})
	set(t, s, "b", &store.Record{Value: []byte("x")})
	set(t, s, "c", &store.Record{Value: []byte("x")})
	wantScan(t, s, "", []string{"b", "c"})
	set(t, s, "a", &store.Record{Value: []byte("x")})
	set(t, s, "b", &store.Record{Value: []byte("x"), Expires: hour})
	wantScan(t, s, "", []string{"a", "c"})
}

// scanMany scans more records than a store would read at once, including large records, with a
// visitor that uses the store.
func scanMany(t *testing.T, s store.Store) {
	const many = 300
	values := make(map[string]string, many)
	keys := make([]string, many)
	for i := range keys {
		keys[i] = fmt.Sprintf("many/%03d", i)
		values[keys[i]] = strconv.Itoa(i)
		if i%100 == 7 {
			values[keys[i]] = string(make([]byte, 2<<20))
		}
	}
	if err := s.Commit(t.Context(), keys, put(values)); err != nil {
		t.Fatal(err)
	}
	var visited []string
	err := s.Scan(t.Context(), "many/", func(key string, e store.Record) error {
		if string(e.Value) != values[key] {
			t.Errorf("%q has another value", key)
		}
		visited = append(visited, key)
		if len(visited)%100 != 0 {
			return nil
		}
		return s.Commit(t.Context(), []string{key}, put(map[string]string{key: "visited"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(visited, keys) {
		t.Fatalf("visited %d of %d records, or not in order", len(visited), many)
	}
}

func scanEnds(t *testing.T, s store.Store) {
	for _, key := range []string{"a", "b", "c"} {
		set(t, s, key, &store.Record{})
	}
	visits := 0
	err := s.Scan(t.Context(), "", func(string, store.Record) error {
		if visits++; visits == 2 {
			return errRefused
		}
		return nil
	})
	if !errors.Is(err, errRefused) || visits != 2 {
		t.Fatalf("got %v after %d visits, want the visitor's error after 2", err, visits)
	}
}
