package guarantees_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

// maxStaleness and maxOutageAge are reads.max_staleness and reads.max_outage_age in
// the tests of an unavailable store.
const (
	maxStaleness = 3 * time.Second
	maxOutageAge = 8 * time.Second
)

// outage is load on replicas whose store becomes unavailable.
type outage struct {
	w  *world
	id string
	// away says that the store is, for longer than replicas take to notice.
	away atomic.Bool

	mu sync.Mutex
	// shown and unmarked count reads while the store was away, oldest is the largest
	// age. refused are how long changes took that were refused, failed the reads that
	// showed nothing.
	shown, unmarked int
	oldest          time.Duration
	refused         []time.Duration
	failed          map[string]int
	listings        atomic.Int64
}

func TestReadsGoOnWithinTheirAgeWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		lose, heal func(w *world, wires []*fleet.Wire)
	}{
		{
			"killed",
			func(w *world, _ []*fleet.Wire) { w.postgres.Kill() },
			func(w *world, _ []*fleet.Wire) { w.postgres.Restart() },
		},
		{
			"blackholed",
			func(_ *world, wires []*fleet.Wire) { each(wires, (*fleet.Wire).Swallow) },
			func(_ *world, wires []*fleet.Wire) { each(wires, (*fleet.Wire).Heal) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var wires []*fleet.Wire
			w := build(t, plan{replicas: 2, callers: 2, settings: fleet.Settings{More: fmt.Sprintf("reads: {max_staleness: %s, max_outage_age: %s}", maxStaleness, maxOutageAge)},
				alter: func(w *world, _ int, s *fleet.Settings) {
					wires = append(wires, fleet.StartWire(t, w.postgres.Address()))
					s.Postgres = []string{wires[len(wires)-1].Address()}
				}})
			o := newOutage(w)
			ctx, cancel := context.WithCancel(t.Context())
			done := o.load(ctx)
			c.lose(w, wires)
			time.Sleep(1500 * time.Millisecond)
			o.away.Store(true)
			before := o.listings.Load()
			lasted := length(t, 12*time.Second)
			time.Sleep(lasted)
			listed := o.listings.Load() - before
			o.away.Store(false)
			c.heal(w, wires)
			o.heals()
			cancel()
			done()
			o.judge(t, listed, lasted)
		})
	}
}

func each(wires []*fleet.Wire, do func(*fleet.Wire)) {
	for _, one := range wires {
		do(one)
	}
}

func newOutage(w *world) *outage {
	o := &outage{w: w, failed: map[string]int{}}
	made := must(w.t, "create", w.settled(w.rest("c0", w.replicas[0]), "kept"))
	o.id = made.Secrets[0].ID
	for _, r := range w.replicas {
		must(w.t, "list", w.rest("c0", r).List(w.t.Context(), calls.Mark{}, ""))
	}
	w.cf.Watch(func(r *http.Request, _ int) {
		if r.Method == http.MethodGet && r.Header.Get("Authorization") == "Bearer "+fleet.Token {
			o.listings.Add(1)
		}
	})
	return o
}

// load reads and changes secrets at both replicas over both protocols until ctx ends.
func (o *outage) load(ctx context.Context) func() {
	var all sync.WaitGroup
	for i := range 16 {
		r := o.w.replicas[i%2]
		client := o.w.rest("c0", r)
		if i/2%2 == 0 {
			client = o.w.grpc("c0", r)
		}
		all.Go(func() {
			for ctx.Err() == nil {
				o.read(ctx, client, i < 8)
				pause(ctx, 20*time.Millisecond)
			}
		})
	}
	for i := range 4 {
		client := o.w.rest("c1", o.w.replicas[i%2])
		if i < 2 {
			client = o.w.grpc("c1", o.w.replicas[i%2])
		}
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				o.change(ctx, client, fmt.Sprintf("n%d_%d", i, n))
				pause(ctx, 200*time.Millisecond)
			}
		})
	}
	return all.Wait
}

func (o *outage) read(ctx context.Context, client calls.Client, list bool) {
	away := o.away.Load()
	var a calls.Answer
	if list {
		a = client.List(ctx, calls.Mark{}, "kept")
	} else {
		a = client.Get(ctx, calls.Mark{}, o.id)
	}
	if !away || !o.away.Load() || ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.Verdict != calls.Done {
		o.failed[a.Said]++
		return
	}
	o.shown++
	o.oldest = max(o.oldest, a.Age)
	// An answer from Cloudflare is current.
	if !a.Stale {
		o.unmarked++
	}
}

func (o *outage) change(ctx context.Context, client calls.Client, name string) {
	away, began := o.away.Load(), time.Now()
	a := client.Create(ctx, calls.Mark{Key: name}, name, calls.Write{Value: "v", Scopes: "workers"})
	if !away || !o.away.Load() || ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = append(o.refused, time.Since(began))
	if a.Verdict != calls.Later || a.RetryAfter <= 0 {
		o.w.t.Errorf("a change without PostgreSQL: %s, retry after %s", a.Said, a.RetryAfter)
	}
}

// heals waits until both replicas make changes and show them unmarked.
func (o *outage) heals() {
	back := time.Now()
	for i, r := range o.w.replicas {
		client := o.w.rest("c0", r)
		eventually(o.w.t, "changes go on", takeover, func() bool {
			name := fmt.Sprint("back", i)
			return client.Create(o.w.t.Context(), calls.Mark{Key: name}, name, calls.Write{Value: "v", Scopes: "workers"}).Verdict == calls.Done
		})
		eventually(o.w.t, "reads are fresh", takeover, func() bool {
			a := client.Get(o.w.t.Context(), calls.Mark{}, o.id)
			return a.Verdict == calls.Done && !a.Stale
		})
	}
	o.w.t.Logf("all is well %s after PostgreSQL was back", time.Since(back))
}

func (o *outage) judge(t *testing.T, listed int64, lasted time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.Sort(o.refused)
	if o.shown == 0 || len(o.refused) == 0 {
		t.Fatal("there was no load")
	}
	slowest := o.refused[len(o.refused)-1]
	t.Logf("%d reads were answered from at most %s ago, %d of them unmarked, and cost %d calls; not answered: %v; %d changes were refused, half of them within %s, all within %s",
		o.shown, o.oldest, o.unmarked, listed, o.failed, len(o.refused), o.refused[len(o.refused)/2], slowest)
	if int64(o.unmarked) > o.listings.Load() {
		t.Errorf("%d of %d reads are not marked as stale, and only %d calls were made", o.unmarked, o.shown, o.listings.Load())
	}
	if o.oldest > maxOutageAge {
		t.Errorf("a read shows what was read %s ago, and the bound is %s", o.oldest, maxOutageAge)
	}
	for said := range o.failed {
		if !strings.Contains(said, "503") && !strings.HasPrefix(said, "Unavailable") {
			t.Errorf("a read beyond the bound of ages is refused with %s", said)
		}
	}
	if slowest > soon {
		t.Errorf("a change was refused after %s only", slowest)
	}
	// Two replicas each read a list of secrets and a list of stores in each maxStaleness.
	if most := 4 * (int64(lasted/maxStaleness) + 2); listed > most {
		t.Errorf("the reads cost %d calls, at most %d are due", listed, most)
	}
}
