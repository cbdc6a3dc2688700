// Package storetest holds the tests that every store.Store must pass.
//
// The package does not know any store.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

// soon is the lifetime of a record in the tests of expiry. late is the timeout of a test.
const (
	soon = 150 * time.Millisecond
	late = 10 * time.Second
)

var errRefused = errors.New("refused by the test")

// Contract tests the contract of store.Store. open makes an empty store with a readable trail, and
// closes the store at the end of the test.
func Contract(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for name, try := range map[string]func(*testing.T, store.Store){
		"a record is as it was put":                          putAndGet,
		"a deleted record is gone":                           deleted,
		"all records of a change go together":                together,
		"the error of decide comes back and nothing changes": refused,
		"a record that was not named cannot change":          unnamed,
		"a key that no store can keep is refused":            badKeys,
		"decide sees what is there":                          seen,
		"a change of nothing is no error":                    nothing,
		"values are kept byte for byte":                      binary,
		"a large value is kept":                              large,
		"a record ends when it should":                       ends,
		"the end of a record can be moved":                   moved,
		"a scan is in order and only of its prefix":          scan,
		"a scan passes over records with an end":             scanLasting,
		"a scan goes through many records":                   scanMany,
		"a scan ends with the error of its visitor":          scanEnds,
		"no update is lost":                                  isolation,
		"sums over several records hold":                     transfers,
		"lines are in the trail in the order of commits":     lines,
		"a commit of lines alone needs no keys":              linesAlone,
		"a commit that is refused leaves no line":            linesRefused,
		"a line that is no record of a call is refused":      linesOfOthers,
		"lines and records go together":                      linesTogether,
		"a visitor of the trail ends it":                     trailEnds,
		"lines of many callers are one chain":                trailChain,
		"events are told or known to be incomplete":          events,
		"a store that works says so":                         healthy,
		"a caller that has left changes nothing":             left,
		"a closed store says so":                             closed,
	} {
		t.Run(name, func(t *testing.T) { try(t, open(t)) })
	}
}

// put returns a Decide that writes values without an expiry.
func put(values map[string]string) store.Decide {
	return func(map[string]store.Record) (store.Changes, error) {
		changes := make(map[string]*store.Record, len(values))
		for key, value := range values {
			changes[key] = &store.Record{Value: []byte(value)}
		}
		return store.Changes{Records: changes}, nil
	}
}

// set writes one record.
func set(t *testing.T, s store.Store, key string, r *store.Record) {
	t.Helper()
	err := s.Commit(t.Context(), []string{key}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Records: map[string]*store.Record{key: r}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// want compares the records at keys with the expected values.
func want(t *testing.T, s store.Store, expected map[string]string, keys ...string) {
	t.Helper()
	found, err := s.Get(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	plain := make(map[string]string, len(found))
	for key, e := range found {
		plain[key] = string(e.Value)
	}
	if !maps.Equal(plain, expected) {
		t.Fatalf("got %q, want %q", plain, expected)
	}
}

func putAndGet(t *testing.T, s store.Store) {
	end := time.Now().Add(time.Hour)
	set(t, s, "lasting", &store.Record{Value: []byte("one")})
	set(t, s, "ending", &store.Record{Value: []byte("two"), Expires: end})
	want(t, s, map[string]string{"lasting": "one", "ending": "two"}, "lasting", "ending", "absent")
	found, err := s.Get(t.Context(), "lasting", "ending")
	if err != nil {
		t.Fatal(err)
	}
	if !found["lasting"].Expires.IsZero() {
		t.Errorf("a record without an end has one: %v", found["lasting"].Expires)
	}
	if got := found["ending"].Expires; got.Before(end) || got.Sub(end) > time.Millisecond {
		t.Errorf("the end is %v, want %v or at most a millisecond later", got, end)
	}
	want(t, s, map[string]string{})
}

func deleted(t *testing.T, s store.Store) {
	for _, end := range []time.Time{{}, time.Now().Add(time.Hour)} {
		set(t, s, "a", &store.Record{Value: []byte("x"), Expires: end})
		set(t, s, "a", nil)
		want(t, s, map[string]string{}, "a")
		set(t, s, "a", nil) // a repeated deletion is no error
	}
}

func together(t *testing.T, s store.Store) {
	if err := s.Commit(t.Context(), []string{"a", "b", "c"}, put(map[string]string{"a": "1", "b": "1"})); err != nil {
		t.Fatal(err)
	}
	want(t, s, map[string]string{"a": "1", "b": "1"}, "a", "b", "c")
}

func refused(t *testing.T, s store.Store) {
	set(t, s, "a", &store.Record{Value: []byte("old")})
	err := s.Commit(t.Context(), []string{"a"}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Records: map[string]*store.Record{"a": nil}}, errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatalf("got %v, want the error of decide", err)
	}
	want(t, s, map[string]string{"a": "old"}, "a")
}

func unnamed(t *testing.T, s store.Store) {
	err := s.Commit(t.Context(), []string{"a"}, put(map[string]string{"a": "1", "b": "1"}))
	wantKind(t, err, fault.Internal)
	want(t, s, map[string]string{}, "a", "b")
	var many []string
	for i := range 100 {
		many = append(many, "many/"+strconv.Itoa(i))
	}
	wantKind(t, s.Commit(t.Context(), many, put(map[string]string{many[0]: "1", "b": "1"})), fault.Internal)
	want(t, s, map[string]string{}, many[0], "b")
	if err := s.Commit(t.Context(), many, put(map[string]string{many[99]: "1"})); err != nil {
		t.Fatal(err)
	}
	want(t, s, map[string]string{many[99]: "1"}, many[0], many[99])
}

func badKeys(t *testing.T, s store.Store) {
	for name, key := range map[string]string{"empty": "", "long": string(make([]byte, store.MaxKey+1))} {
		_, err := s.Get(t.Context(), key)
		wantKind(t, err, fault.Internal)
		wantKind(t, s.Commit(t.Context(), []string{key}, put(map[string]string{key: name})), fault.Internal)
	}
	longest := string(bytes.Repeat([]byte("k"), store.MaxKey))
	set(t, s, longest, &store.Record{Value: []byte("x"), Expires: time.Now().Add(time.Hour)})
	want(t, s, map[string]string{longest: "x"}, longest)
}

func seen(t *testing.T, s store.Store) {
	set(t, s, "a", &store.Record{Value: []byte("1")})
	var keys []string
	err := s.Commit(t.Context(), []string{"b", "a", "b"}, func(now map[string]store.Record) (store.Changes, error) {
		keys = slices.Sorted(maps.Keys(now))
		return store.Changes{Records: map[string]*store.Record{"b": {Value: now["a"].Value}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(keys, []string{"a"}) {
		t.Errorf("decide saw %q, want only what exists", keys)
	}
	want(t, s, map[string]string{"a": "1", "b": "1"}, "a", "b")
}

func nothing(t *testing.T, s store.Store) {
	if err := s.Commit(t.Context(), []string{"a"}, put(nil)); err != nil {
		t.Error(err)
	}
	if err := s.Commit(t.Context(), nil, put(nil)); err != nil {
		t.Error(err)
	}
}

func binary(t *testing.T, s store.Store) {
	for name, value := range map[string][]byte{
		"empty": {}, "zeros": {0, 0, 0}, "not text": {0xff, 0xfe, '\r', '\n', 0}, "line ends": []byte("\r\n$-1\r\n"),
	} {
		key := "\x00" + name + "\xff{x}\n"
		set(t, s, key, &store.Record{Value: value})
		want(t, s, map[string]string{key: string(value)}, key)
	}
}

func large(t *testing.T, s store.Store) {
	value := bytes.Repeat([]byte("5 MiB of it. "), 5<<20/13)
	for _, end := range []time.Time{{}, time.Now().Add(time.Hour)} {
		set(t, s, "large", &store.Record{Value: value, Expires: end})
		found, err := s.Get(t.Context(), "large")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(found["large"].Value, value) {
			t.Fatal("a large value came back otherwise")
		}
	}
	err := s.Commit(t.Context(), []string{"large"}, put(map[string]string{"large": string(make([]byte, store.MaxValue+1))}))
	wantKind(t, err, fault.Internal)
}

func left(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, "a")
	wantKind(t, err, fault.Canceled)
	wantKind(t, s.Commit(ctx, []string{"a"}, put(map[string]string{"a": "1"})), fault.Canceled)
	wantKind(t, s.Scan(ctx, "", func(string, store.Record) error { return nil }), fault.Canceled)
	want(t, s, map[string]string{}, "a")
}

func closed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Get(t.Context(), "a")
	wantUnavailable(t, err)
	wantUnavailable(t, s.Commit(t.Context(), []string{"a"}, put(map[string]string{"a": "1"})))
	wantUnavailable(t, s.Scan(t.Context(), "", func(string, store.Record) error { return nil }))
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind {
		t.Fatalf("got %v, want a fault of kind %v", err, kind)
	}
}

// wantUnavailable checks that an error is the fault of a failing store.
func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	wantKind(t, err, fault.Unavailable)
	f := fault.From(err)
	if f.Reason != "STATE_UNAVAILABLE" || f.RetryAfter != time.Second || f.Unwrap() == nil {
		t.Fatalf("got %+v, want STATE_UNAVAILABLE, a second's pause and a cause", f)
	}
}
