package guarantees_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

const (
	// fairEnough is the least index of fairness.
	fairEnough = 0.95
)

// enoughUsed is the least part of the budget that must be used. In the short form
// all tests share the machine and a window is short, so that each turn that comes
// late is a loss.
func enoughUsed() float64 {
	if long() {
		return 0.95
	}
	return 0.8
}

// leastUsed is the part of the budget that the busiest machine uses. Below it, the
// program refuses calls.
const leastUsed = 0.2

// wide is a budget for one window of the short form, or a longer one of the same
// rate: what a loan between replicas costs is a small part of a long window.
func wide() scale {
	if long() {
		return scale{3600, 2 * time.Minute}
	}
	return scale{450, 15 * time.Second}
}

func TestTheBudgetIsUsedUpWithoutAnyCallTooMany(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		wants int
		at    func(all []*fleet.Replica) []*fleet.Replica
	}{
		{"with load on both replicas", 15, func(all []*fleet.Replica) []*fleet.Replica { return all }},
		{"with all load on one replica", 6, func(all []*fleet.Replica) []*fleet.Replica { return all[:1] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRush(t, wide(), 20)
			for _, one := range r.tenants {
				one.wants, one.at = c.wants, c.at(r.w.replicas)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := r.run(ctx)
			f := r.measure(ctx, 1)
			cancel()
			done()
			t.Logf("%d calls wanted at a time, asked for %.1f times the budget; %.1f %% of it was used; Jain index %.3f",
				c.wants*len(r.tenants), f.over, 100*f.used, jain(f.shares))
			// A machine that is too busy to ask for the budget cannot use it up.
			if f.used < max(leastUsed, enoughUsed()*min(1, f.over/1.5)) {
				t.Errorf("only %.1f %% of the budget was used", 100*f.used)
			}
			r.judge(t, f.used >= enoughUsed())
		})
	}
}

func TestAHogAtOneReplicaTakesNothingFromTheOthers(t *testing.T) {
	t.Parallel()
	r := newRush(t, wide(), 21)
	polite, hog := r.tenants[:20], r.tenants[20]
	hog.wants, hog.at = 50, r.w.replicas[:1]
	for i, one := range polite {
		// Half of them ask where the hog is, half ask the other replica.
		one.wants, one.at = 4, r.w.replicas[i%2:i%2+1]
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := r.run(ctx)
	// At first the hog takes the shares that the others do not want yet.
	pause(ctx, r.window)
	f, scarce := r.measureBudget(ctx, 2)
	cancel()
	done()
	r.judge(t, scarce)
	if f.used < leastUsed {
		t.Fatalf("only %.1f %% of the budget was used", 100*f.used)
	}
	if !scarce {
		t.Skipf("the machine is too busy to use the budget up, so nothing was scarce: %.1f %% was used", 100*f.used)
	}
	least, most := slices.Min(f.shares[:len(polite)]), slices.Max(f.shares[:len(polite)])
	t.Logf("%.1f %% of the budget was used; Jain index %.3f; the hog got %.0f calls, the others %.0f to %.0f; a fair share is %.1f",
		100*f.used, jain(f.shares), f.shares[len(polite)], least, most, f.fair)
	if jain(f.shares) < fairEnough {
		t.Errorf("Jain index %.3f", jain(f.shares))
	}
	// A call in flight is not counted yet. If the hog got no more than the luckiest of the
	// others, the machine took the difference, not the hog.
	if taken := f.shares[len(polite)]; least < 0.9*f.fair-1 && taken > max(f.fair, 1.01*most)+1 {
		t.Errorf("a polite tenant got %.0f calls of a fair share of %.1f, and the hog %.0f", least, f.fair, taken)
	}
}

// measureBudget measures until the budget was used up, up to three times, and reports
// whether it was. The budget is shared only then: a tenant whose calls wait for a
// processor takes less than its share, and whoever has most calls gets the rest.
func (r *rush) measureBudget(ctx context.Context, windows int) (f figures, used bool) {
	for range 3 {
		r.mark()
		if f = r.measure(ctx, windows); f.used >= enoughUsed() {
			return f, true
		}
	}
	return f, false
}

func TestNoCallIsTooManyWhilePostgresIsKilled(t *testing.T) {
	t.Parallel()
	r := newRush(t, scale{150, 5 * time.Second}, 20)
	ids := r.w.fill(2)
	ctx, cancel := context.WithTimeout(t.Context(), max(15*time.Second, length(t, 0)))
	defer cancel()
	var all sync.WaitGroup
	var reads, changes atomic.Int64
	for i := range 2 * len(r.tenants) {
		replica := r.w.replicas[i%2]
		// Reads of existing secrets continue without PostgreSQL, and cost calls.
		all.Go(func() {
			for client := r.w.rest(callerName(i/2), replica); ctx.Err() == nil; pause(ctx, 10*time.Millisecond) {
				if client.Get(ctx, calls.Mark{Fresh: true}, ids[0]).Verdict == calls.Done {
					reads.Add(1)
				}
			}
		})
	}
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			client := r.w.rest(r.spare(), r.w.replicas[i%2])
			if client.Update(ctx, calls.Mark{}, ids[1], calls.Write{Comment: time.Now().String()}).Verdict == calls.Done {
				changes.Add(1)
			}
			pause(ctx, 100*time.Millisecond)
		}
	})
	killed := r.w.killPostgres(ctx, 2*time.Second, time.Second)
	all.Wait()
	t.Logf("PostgreSQL was killed %d times; %d calls were made: %d reads and %d changes among them", killed(), r.spent.Load(), reads.Load(), changes.Load())
	if reads.Load() == 0 || changes.Load() == 0 {
		t.Error("there was no load")
	}
	if n := r.w.cf.Answers(http.StatusTooManyRequests); n > 0 {
		t.Errorf("Cloudflare refused %d calls as too many", n)
	}
}
