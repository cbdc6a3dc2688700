package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/historytest"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// indexed is a trail of two replicas.
type indexed struct {
	replicas [2]*postgres.Store
	times    int
	// days, unless nil, is the clock of the replicas.
	days *calendar
}

func (w *indexed) Write(t testing.TB, records ...audit.Record) {
	t.Helper()
	w.times++
	if w.days != nil && w.times%30 == 0 {
		w.days.next()
	}
	for i := range records {
		if records[i].Time.IsZero() {
			records[i].Time = time.Now()
		}
	}
	err := w.replicas[w.times%2].Commit(context.Background(), nil, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Lines: records}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *indexed) Index(testing.TB) history.Index {
	w.times++
	return w.replicas[w.times%2]
}

func TestIndexOfTheTrailKeepsTheContract(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	var opened atomic.Int64
	historytest.Contract(t, func(t *testing.T) historytest.World {
		c := config(server, postgrestest.Superuser)
		days := newCalendar(100)
		c.Schema, c.TrailPeriod, c.Now = fmt.Sprint("index", opened.Add(1)), postgres.Day, days.now
		return &indexed{replicas: [2]*postgres.Store{open(t, c), open(t, c)}, days: days}
	})
}

func TestReplicasIndexOneTrailTogether(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	w := &indexed{replicas: [2]*postgres.Store{open(t, c), open(t, c)}}
	const changes = 60
	var group sync.WaitGroup
	for n, s := range w.replicas {
		group.Go(func() {
			for i := range changes {
				id := fmt.Sprintf("%d-%d", n, i)
				for _, kind := range []audit.RecordKind{audit.KindIntent, audit.KindOutcome} {
					err := s.Commit(context.Background(), nil, func(map[string]store.Record) (store.Changes, error) {
						return store.Changes{Lines: []audit.Record{{Kind: kind, ID: id, Caller: "c", Outcome: audit.Succeeded, Secrets: []audit.Secret{{Name: "S"}}}}}, nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
		group.Go(func() {
			for range 20 {
				if err := s.CatchUp(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, s := range w.replicas {
		p, err := history.Reader{Index: s}.Read(t.Context(), history.Request{Filter: history.Filter{Secret: "S", Outcome: audit.Succeeded}, Size: history.MostPerPage})
		if err != nil || len(p.Changes) != 2*changes || p.Next != "" {
			t.Errorf("got %d changes, want %d, and %q (%v)", len(p.Changes), 2*changes, p.Next, err)
		}
	}
}

func TestArchivedChangesLeaveTheIndex(t *testing.T) {
	t.Parallel()
	s, _, days := partitioned(t, postgrestest.Start(t, "fsync=off"), "storekeeper")
	write := func(records ...audit.Record) {
		if err := s.Commit(t.Context(), nil, func(map[string]store.Record) (store.Changes, error) { return store.Changes{Lines: records}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	ids := func() (ids []string) {
		p, err := history.Reader{Index: s}.Read(t.Context(), history.Request{Filter: history.Filter{Secret: "S"}, Size: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			ids = append(ids, c.Record.ID)
		}
		return ids
	}
	for i := range 12 {
		if i == 8 {
			days.next()
		}
		write(audit.Record{Kind: audit.KindIntent, ID: fmt.Sprint(i), Secrets: []audit.Secret{{Name: "S"}}})
	}
	if got := ids(); len(got) != 12 {
		t.Fatalf("before: %q", got)
	}
	all, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Full {
			if err := s.Archive(t.Context(), p.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := ids()
	if len(got) == 0 || len(got) >= 12 || got[0] != "11" {
		t.Errorf("after: %q", got)
	}
	write(audit.Record{Kind: audit.KindOutcome, ID: "0", Outcome: audit.Succeeded, Secrets: []audit.Secret{{Name: "S"}}})
	if again := ids(); len(again) != len(got)+1 {
		t.Errorf("after the outcome of a change that was archived: %q", again)
	}
}
