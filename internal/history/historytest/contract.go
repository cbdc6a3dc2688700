// Package historytest holds the tests that every index of a trail passes.
package historytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
)

// World is a trail with an index.
type World interface {
	// Write appends records to the trail.
	Write(t testing.TB, records ...audit.Record)
	// Index returns the index. Each call may return a new index over the same trail.
	Index(t testing.TB) history.Index
}

// Contract tests an index.
func Contract(t *testing.T, world func(t *testing.T) World) {
	t.Helper()
	t.Run("an outcome joins its intent", func(t *testing.T) { joins(t, world(t)) })
	t.Run("what is made is found by name and by identifier", func(t *testing.T) { finds(t, world(t)) })
	t.Run("a store is found by its name where records have the identifier alone", func(t *testing.T) { findsStores(t, world(t)) })
	t.Run("an outcome without its intent is a change", func(t *testing.T) { lonely(t, world(t)) })
	t.Run("a token of another filter is refused", func(t *testing.T) { tokens(t, world(t)) })
	t.Run("pages have what filters want, once and newest first", func(t *testing.T) { random(t, world(t)) })
	t.Run("pages have each change once while changes begin and end", func(t *testing.T) { moving(t, world(t)) })
}

// began and ended are records of a change.
func began(id string, about audit.Record) audit.Record {
	about.Kind, about.ID, about.Credential = audit.KindIntent, id, audit.CredentialAPIKey
	return about
}

func ended(id string, as audit.Outcome, about audit.Record) audit.Record {
	about = began(id, about)
	about.Kind, about.Outcome = audit.KindOutcome, as
	return about
}

// list reads all pages.
func list(t testing.TB, index history.Index, f history.Filter, size int) []history.Change {
	t.Helper()
	var all []history.Change
	token := ""
	for {
		p, err := history.Reader{Index: index}.Read(t.Context(), history.Request{Filter: f, Size: size, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Changes) > size {
			t.Fatalf("a page of %d changes, and %d were asked for", len(p.Changes), size)
		}
		all = append(all, p.Changes...)
		if token = p.Next; token == "" {
			return all
		}
	}
}

func wantIDs(t testing.TB, got []history.Change, want ...string) {
	t.Helper()
	var ids []string
	for _, c := range got {
		ids = append(ids, c.Record.ID)
	}
	if !slices.Equal(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
}

func joins(t *testing.T, w World) {
	about := audit.Record{Caller: "ci", Tenant: "payments", Secrets: []audit.Secret{{ID: "1", Name: "A"}}, Decision: audit.Decision{Allowed: true, Rule: "r"}}
	w.Write(t, began("x", about))
	all := list(t, w.Index(t), history.Filter{}, 10)
	if len(all) != 1 || all[0].Record.Outcome != history.Open || all[0].OutcomeSeq != 0 || !all[0].Ended.IsZero() || all[0].Begun.IsZero() {
		t.Fatalf("an open change: %+v", all)
	}
	found := ended("x", audit.Unknown, audit.Record{Caller: "ci", Tenant: "payments"})
	found.Credential, found.Reason = "", "UNPROVEN"
	w.Write(t, found)
	all = list(t, w.Index(t), history.Filter{}, 10)
	if len(all) != 1 {
		t.Fatalf("got %+v", all)
	}
	c := all[0]
	if c.Record.Outcome != audit.Unknown || c.Record.Reason != "UNPROVEN" || !c.Recovered || c.OutcomeSeq <= c.IntentSeq || c.Ended.IsZero() ||
		c.Record.Decision.Rule != "r" || len(c.Record.Secrets) != 1 || c.Record.Kind != audit.KindIntent {
		t.Errorf("a change that recovery has found: %+v", c)
	}
}

func finds(t *testing.T, w World) {
	create := audit.Record{Caller: "ci", Tenant: "payments", Store: audit.Store{ID: "s1"}, Secrets: []audit.Secret{{Name: "A"}, {Name: "B"}}}
	made := create
	made.Secrets = []audit.Secret{{ID: "id-a", Name: "A"}, {ID: "id-b", Name: "B"}}
	w.Write(t, began("create", create), ended("create", audit.Succeeded, made))
	update := audit.Record{Caller: "person", Tenant: "payments", Store: audit.Store{ID: "s1"}, Secrets: []audit.Secret{{ID: "id-a", Name: "A"}}}
	w.Write(t, began("update", update), ended("update", audit.Failed, update))
	renamed := audit.Record{Caller: "robot", Tenant: "billing", TenantID: "payments", Store: audit.Store{ID: "s3"}, Secrets: []audit.Secret{{ID: "id-d", Name: "D"}}}
	w.Write(t, began("renamed", renamed), ended("renamed", audit.Succeeded, renamed))
	index := w.Index(t)
	for _, c := range []struct {
		filter history.Filter
		want   []string
	}{
		{history.Filter{Tenant: "payments"}, []string{"renamed", "update", "create"}},
		{history.Filter{Tenant: "billing"}, []string{"renamed"}},
		{history.Filter{Secret: "A"}, []string{"update", "create"}},
		{history.Filter{Secret: "id-a"}, []string{"update", "create"}},
		{history.Filter{Secret: "id-b"}, []string{"create"}},
		{history.Filter{Secret: "C"}, nil},
		{history.Filter{Caller: "person"}, []string{"update"}},
		{history.Filter{Tenant: "payments", Caller: "ci"}, []string{"create"}},
		{history.Filter{Store: "s1", Outcome: audit.Failed}, []string{"update"}},
		{history.Filter{Secret: "A", Store: "s2"}, nil},
		{history.Filter{Secret: "A", Since: time.Now().Add(time.Hour)}, nil},
		{history.Filter{Secret: "A", Until: time.Now().Add(-time.Hour)}, nil},
	} {
		wantIDs(t, list(t, index, c.filter, 10), c.want...)
	}
}

func findsStores(t *testing.T, w World) {
	create := audit.Record{Caller: "ci", Store: audit.Store{Name: "shop"}}
	made := audit.Record{Caller: "ci", Store: audit.Store{ID: "s1", Name: "shop"}}
	fill := audit.Record{Caller: "ci", Store: audit.Store{ID: "s1"}, Secrets: []audit.Secret{{Name: "A"}}}
	other := audit.Record{Caller: "ci", Store: audit.Store{ID: "s2"}}
	w.Write(t, began("1", create), began("0", other), ended("1", audit.Succeeded, made), began("2", fill), ended("2", audit.Succeeded, fill), ended("0", audit.Succeeded, other))
	for _, size := range []int{1, 10} {
		wantIDs(t, list(t, w.Index(t), history.Filter{Store: "shop"}, size), "2", "1")
		wantIDs(t, list(t, w.Index(t), history.Filter{Store: "s1"}, size), "2", "1")
	}
}

func lonely(t *testing.T, w World) {
	about := audit.Record{Caller: "ci", Secrets: []audit.Secret{{Name: "A"}}}
	w.Write(t, ended("x", audit.Succeeded, about), audit.Record{Kind: audit.KindAlarm, ID: "x"}, audit.Record{Kind: audit.KindDenial, ID: "y", Caller: "ci"})
	all := list(t, w.Index(t), history.Filter{Secret: "A"}, 10)
	wantIDs(t, all, "x")
	if len(all) == 1 && (all[0].IntentSeq != 0 || all[0].OutcomeSeq == 0 || all[0].Record.Outcome != audit.Succeeded) {
		t.Errorf("got %+v", all[0])
	}
}

func tokens(t *testing.T, w World) {
	for _, id := range []string{"1", "2", "3"} {
		w.Write(t, began(id, audit.Record{Caller: "ci"}))
	}
	r := history.Reader{Index: w.Index(t)}
	first, err := r.Read(t.Context(), history.Request{Size: 1})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v %v", first, err)
	}
	for name, q := range map[string]history.Request{
		"another filter": {Size: 1, Token: first.Next, Filter: history.Filter{Caller: "ci"}},
		"no token":       {Size: 1, Token: "AAAA"},
		"other letters":  {Size: 1, Token: "!"},
	} {
		if _, err := r.Read(t.Context(), q); !errors.Is(err, history.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// oracle is the expected content of a trail, by change.
type oracle struct {
	order []string
	// open are the changes that will end.
	open  []string
	begun map[string]audit.Record
	ended map[string]audit.Record
}

// records makes changes of a few objects, with outcomes soon, late or never.
func records(r *rand.Rand, n int, o *oracle) []audit.Record {
	var all []audit.Record
	for i := range n {
		id := fmt.Sprintf("%d-%d", len(o.order), i)
		about := audit.Record{
			Caller: fmt.Sprint("caller", r.IntN(4)), Tenant: []string{"", "t1", "t2"}[r.IntN(3)],
			Store: audit.Store{ID: fmt.Sprint("store", r.IntN(3))}, Secrets: []audit.Secret{{Name: fmt.Sprint("S", r.IntN(20))}},
		}
		all = append(all, began(id, about))
		o.order, o.begun[id] = append(o.order, id), about
		if r.IntN(20) > 0 {
			o.open = append(o.open, id)
		}
		for len(o.open) > 0 && r.IntN(2) > 0 {
			at := r.IntN(len(o.open))
			id, about := o.open[at], o.begun[o.open[at]]
			o.open = slices.Delete(o.open, at, at+1)
			about.Secrets = []audit.Secret{{ID: "id-" + about.Secrets[0].Name, Name: about.Secrets[0].Name}}
			about.Outcome = []audit.Outcome{audit.Succeeded, audit.Failed, audit.Unknown}[r.IntN(3)]
			all = append(all, ended(id, about.Outcome, about))
			o.ended[id] = about
		}
	}
	return all
}

func random(t *testing.T, w World) {
	seed := rand.Uint64() //nolint:gosec // A test repeats what a seed gives.
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // As above.
	o := &oracle{begun: map[string]audit.Record{}, ended: map[string]audit.Record{}}
	for range 6 {
		w.Write(t, records(r, 80, o)...)
		index := w.Index(t)
		for range 8 {
			f := history.Filter{}
			pick := func(into *string, values ...string) {
				if r.IntN(3) == 0 {
					*into = values[r.IntN(len(values))]
				}
			}
			pick(&f.Secret, "S0", "S1", "S2", "id-S3", "nothing")
			pick(&f.Caller, "caller0", "caller1")
			pick(&f.Tenant, "t1", "t2")
			pick(&f.Store, "store0", "store1")
			var outcome string
			pick(&outcome, "succeeded", "failed", "unknown", "open")
			f.Outcome = audit.Outcome(outcome)
			o.compare(t, list(t, index, f, 1+r.IntN(40)), f)
		}
	}
}

// compare wants all changes that a filter wants. Found by an identifier that the
// outcome alone has, changes come in the order of their outcomes.
func (o *oracle) compare(t *testing.T, got []history.Change, f history.Filter) {
	t.Helper()
	var want []string
	for _, id := range slices.Backward(o.order) {
		b, e := o.begun[id], o.ended[id]
		e.Outcome = cmp.Or(e.Outcome, history.Open)
		name := b.Secrets[0].Name
		if (f.Secret == "" || f.Secret == name || f.Secret == "id-"+name && e.Outcome != history.Open) && (f.Caller == "" || f.Caller == b.Caller) &&
			(f.Tenant == "" || f.Tenant == b.Tenant) && (f.Store == "" || f.Store == b.Store.ID) && (f.Outcome == "" || f.Outcome == e.Outcome) {
			want = append(want, id)
		}
	}
	var ids []string
	for i, c := range got {
		ids = append(ids, c.Record.ID)
		if i > 0 && f.Secret != "id-S3" && c.IntentSeq >= got[i-1].IntentSeq {
			t.Errorf("%+v: record %d comes after record %d", f, c.IntentSeq, got[i-1].IntentSeq)
		}
	}
	if f.Secret == "id-S3" {
		slices.Sort(ids)
		slices.Sort(want)
	}
	if !slices.Equal(ids, want) {
		t.Errorf("%+v: got %d changes %q, want %d %q", f, len(ids), ids, len(want), want)
	}
}

func moving(t *testing.T, w World) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // As above.
	o := &oracle{begun: map[string]audit.Record{}, ended: map[string]audit.Record{}}
	w.Write(t, records(r, 60, o)...)
	then := slices.Clone(o.order)
	seen := map[string]int{}
	q := history.Request{Size: 7}
	for {
		p, err := history.Reader{Index: w.Index(t)}.Read(context.WithoutCancel(t.Context()), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			seen[c.Record.ID]++
		}
		if q.Token = p.Next; q.Token == "" {
			break
		}
		w.Write(t, records(r, 5, o)...)
	}
	for _, id := range then {
		if seen[id] != 1 {
			t.Errorf("change %s was listed %d times", id, seen[id])
		}
	}
}
