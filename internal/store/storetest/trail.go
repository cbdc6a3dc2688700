package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

// entry has the parts of a line that the tests check. The tests decode lines independently of the
// package that encodes them.
type entry struct {
	Seq  uint64 `json:"seq"`
	Prev string `json:"prev"`
	Hash string `json:"hash"`
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

func intent(id string) audit.Record { return audit.Record{Kind: audit.KindIntent, ID: id} }

// write commits lines alone.
func write(ctx context.Context, s store.Store, records ...audit.Record) error {
	return s.Commit(ctx, nil, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Lines: records}, nil
	})
}

func mustWrite(t *testing.T, s store.Store, records ...audit.Record) {
	t.Helper()
	if err := write(t.Context(), s, records...); err != nil {
		t.Fatal(err)
	}
}

// trail reads the lines above a number.
func trail(t *testing.T, s store.Store, after uint64) []entry {
	t.Helper()
	var all []entry
	err := s.Trail(t.Context(), after, func(line []byte) error {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%w: %s", err, line)
		}
		if line[len(line)-1] != '}' {
			return fmt.Errorf("a line ends with %q", line[len(line)-1])
		}
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ids returns the kinds and identifiers of the lines of calls.
func ids(entries []entry) []string {
	var found []string
	for _, e := range entries {
		if e.ID != "" {
			found = append(found, e.Kind+" "+e.ID)
		}
	}
	return found
}

func wantLines(t *testing.T, s store.Store, expected ...string) {
	t.Helper()
	if got := ids(trail(t, s, 0)); !slices.Equal(got, expected) {
		t.Fatalf("the trail has %q, want %q", got, expected)
	}
}

func lines(t *testing.T, s store.Store) {
	mustWrite(t, s, intent("1"))
	mustWrite(t, s, intent("2"), audit.Record{Kind: audit.KindOutcome, ID: "1", Outcome: audit.Succeeded})
	mustWrite(t, s, audit.Record{Kind: audit.KindDenial, ID: "3"}, audit.Record{Kind: audit.KindAlarm, ID: "2"})
	mustWrite(t, s, audit.Record{Kind: audit.KindReload, ID: "4", Action: "callers"})
	wantLines(t, s, "intent 1", "intent 2", "outcome 1", "denial 3", "alarm 2", "reload 4")
	all := trail(t, s, 0)
	last := all[len(all)-1]
	if got := trail(t, s, last.Seq); len(got) != 0 {
		t.Errorf("behind the last line there are %v", got)
	}
	if got := ids(trail(t, s, last.Seq-2)); !slices.Equal(got, []string{"alarm 2", "reload 4"}) {
		t.Errorf("behind number %d there are %q", last.Seq-2, got)
	}
}

func linesAlone(t *testing.T, s store.Store) {
	mustWrite(t, s, intent("alone"))
	wantLines(t, s, "intent alone")
}

func linesRefused(t *testing.T, s store.Store) {
	err := s.Commit(t.Context(), []string{"a"}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Lines: []audit.Record{intent("never")}}, errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatalf("got %v, want the error of decide", err)
	}
	wantKind(t, s.Commit(t.Context(), []string{"a"}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Lines: []audit.Record{intent("never")}, Records: map[string]*store.Record{"unnamed": {}}}, nil
	}), fault.Internal)
	wantLines(t, s)
}

func linesOfOthers(t *testing.T, s store.Store) {
	for _, kind := range []audit.RecordKind{audit.KindStart, audit.KindRecovered, "", "other"} {
		wantKind(t, write(t.Context(), s, intent("never"), audit.Record{Kind: kind, ID: "never"}), fault.Internal)
	}
	wantLines(t, s)
}

func linesTogether(t *testing.T, s store.Store) {
	all(t, func(worker, round int) error {
		id := fmt.Sprintf("%d-%d", worker, round)
		return s.Commit(t.Context(), []string{id, "sum"}, func(now map[string]store.Record) (store.Changes, error) {
			if round%5 == 4 {
				return store.Changes{}, nil
			}
			return store.Changes{
				Records: map[string]*store.Record{id: {Value: []byte("x")}, "sum": counter(number(now["sum"]) + 1)},
				Lines:   []audit.Record{intent(id)},
			}, nil
		})
	})
	found := ids(trail(t, s, 0))
	records, err := s.Get(t.Context(), "sum")
	if err != nil {
		t.Fatal(err)
	}
	if want := workers * rounds / 5 * 4; len(found) != want || number(records["sum"]) != want {
		t.Fatalf("%d lines and a sum of %d, want %d", len(found), number(records["sum"]), want)
	}
	for _, line := range found {
		wantRecord(t, s, line[len("intent "):])
	}
}

func wantRecord(t *testing.T, s store.Store, key string) {
	t.Helper()
	found, err := s.Get(t.Context(), key)
	if err != nil || len(found) != 1 {
		t.Fatalf("%q has a line and no record: %v", key, err)
	}
}

func trailEnds(t *testing.T, s store.Store) {
	mustWrite(t, s, intent("1"), intent("2"), intent("3"))
	visits := 0
	err := s.Trail(t.Context(), 0, func([]byte) error {
		if visits++; visits == 2 {
			return errRefused
		}
		return nil
	})
	if !errors.Is(err, errRefused) || visits != 2 {
		t.Fatalf("got %v after %d visits, want the visitor's error after 2", err, visits)
	}
}

// trailChain tests many concurrent writers and readers.
func trailChain(t *testing.T, s store.Store) {
	all(t, func(worker, round int) error {
		if err := write(t.Context(), s, intent(strconv.Itoa(worker)+"/"+strconv.Itoa(round))); err != nil {
			return err
		}
		if worker != 0 {
			return nil
		}
		return s.Trail(t.Context(), 0, func([]byte) error { return nil })
	})
	entries := trail(t, s, 0)
	if n := len(ids(entries)); n != workers*rounds {
		t.Fatalf("%d lines of %d", n, workers*rounds)
	}
	for i, e := range entries[1:] {
		if e.Seq != entries[i].Seq+1 || e.Prev != entries[i].Hash {
			t.Fatalf("record %d does not follow record %d", e.Seq, entries[i].Seq)
		}
	}
	next := map[string]int{}
	for _, e := range entries {
		var worker, round int
		if _, err := fmt.Sscanf(e.ID, "%d/%d", &worker, &round); err != nil {
			continue
		}
		if name := strconv.Itoa(worker); round != next[name] {
			t.Fatalf("worker %d wrote %d after %d", worker, round, next[name]-1)
		} else {
			next[name]++
		}
	}
}

// events may be dropped by a store of a single process.
func events(t *testing.T, s store.Store) {
	_, from, complete, err := s.Events(t.Context(), "topic", "")
	if err != nil || complete {
		t.Fatalf("a reader that has read nothing got complete=%v, %v", complete, err)
	}
	err = s.Commit(t.Context(), nil, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Events: []store.Event{{Topic: "topic", Data: []byte("1")}, {Topic: "other", Data: []byte("2")}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found, to, complete, err := s.Events(t.Context(), "topic", from)
	if err != nil || !complete || len(found) > 1 || len(found) == 1 && string(found[0]) != "1" {
		t.Fatalf("got %q, complete=%v, %v", found, complete, err)
	}
	found, _, complete, err = s.Events(t.Context(), "topic", to)
	if err != nil || !complete || len(found) != 0 {
		t.Fatalf("behind the last event there are %q, complete=%v, %v", found, complete, err)
	}
}

func healthy(t *testing.T, s store.Store) {
	if err := s.Healthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, s.Healthy(context.Background()))
	wantUnavailable(t, write(context.Background(), s, intent("late")))
	wantUnavailable(t, s.Trail(context.Background(), 0, func([]byte) error { return nil }))
	_, _, _, err := s.Events(context.Background(), "topic", "")
	wantUnavailable(t, err)
}
