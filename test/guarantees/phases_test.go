package guarantees_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

const (
	// phaseSeconds names the variable with the length of a window in seconds.
	phaseSeconds = "STOREKEEPER_PHASE_SECONDS"
	// phaseRate is how many calls a second the budget has, like Cloudflare's.
	phaseRate = 4
	// leaseOver is after how long without PostgreSQL no replica sends any more: leases
	// last 6 s, and what is on its way arrives.
	leaseOver = 12 * time.Second
)

// phases is load of tenants that are spread unevenly over three replicas.
type phases struct {
	t      *testing.T
	w      *world
	window time.Duration
	calls  int

	mu       sync.Mutex
	arrivals []time.Time
	done     map[string]float64
}

// TestTheBudgetIsUsedAndSharedInEachPhase has tenants read at three replicas, at two of
// them, at three again, after a kill, without PostgreSQL and after that. It takes twelve
// windows, so it runs only where the length of one is given. In simulated time
// internal/spending tests the same each time.
func TestTheBudgetIsUsedAndSharedInEachPhase(t *testing.T) {
	t.Parallel()
	if os.Getenv(phaseSeconds) == "" {
		t.Skip("it takes an hour: make test-budget")
	}
	seconds, err := strconv.Atoi(os.Getenv(phaseSeconds))
	if err != nil {
		t.Fatal(err)
	}
	p := &phases{t: t, window: time.Duration(seconds) * time.Second, calls: phaseRate * seconds, done: map[string]float64{}}
	tenants := 8
	p.w = build(t, plan{
		replicas: 3, callers: tenants,
		settings: fleet.Settings{Calls: p.calls, Window: p.window, MaxWait: 5 * time.Second},
		cloudflare: emulator.Config{
			Accounts:  []emulator.Account{{ID: fleet.Account, SecretLimit: 100_000}},
			RateLimit: &emulator.RateLimit{Requests: p.calls, Window: p.window, Block: budgetBlock},
		},
	})
	p.w.cf.Watch(func(q *http.Request, _ int) {
		if q.Header.Get("Authorization") == "Bearer "+fleet.Token {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.arrivals = append(p.arrivals, time.Now())
		}
	})
	id := p.w.fill(1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for i := range tenants {
		for at, replica := range p.w.replicas {
			// All ask at the first replica, some at others too, and some ask for more.
			if at == 0 || i%4 == 0 || at == 1 && i%3 == 0 {
				for range 2 + i {
					all.Go(func() { p.read(ctx, callerName(i), replica, id) })
				}
			}
		}
	}
	p.run(ctx)
	cancel()
	all.Wait()
	if n := p.w.cf.Answers(http.StatusTooManyRequests); n > 0 {
		t.Errorf("Cloudflare refused %d calls as too many", n)
	}
	if most := p.most(); most > p.calls {
		t.Errorf("%d calls arrived in a window, and the budget is %d", most, p.calls)
	}
}

// run goes through the phases.
func (p *phases) run(ctx context.Context) {
	replicas := p.w.replicas
	pause(ctx, p.window) // The first calls come in a burst.
	p.measure(ctx, "three replicas")
	replicas[2].Terminate()
	p.measure(ctx, "two of three")
	replicas[2].Restart()
	p.measure(ctx, "one joined")
	replicas[1].Kill()
	p.measure(ctx, "one was killed")
	p.w.postgres.Stop()
	begun := time.Now()
	const away = 30 * time.Second
	pause(ctx, away)
	before, after := p.between(begun, begun.Add(leaseOver)), p.between(begun.Add(leaseOver), time.Now())
	p.t.Logf("PostgreSQL away for %s: %d calls at first, then %d", away, before, after)
	if after > 0 {
		p.t.Errorf("%d calls left after the leases had ended", after)
	}
	p.w.postgres.Restart()
	p.measure(ctx, "PostgreSQL is back")
}

// read makes reads that cost a call each, one after the other.
func (p *phases) read(ctx context.Context, tenant string, at *fleet.Replica, id string) {
	for ctx.Err() == nil {
		if p.w.rest(tenant, at).Get(ctx, calls.Mark{Fresh: true}, id).Verdict != calls.Done {
			pause(ctx, 300*time.Millisecond)
			continue
		}
		p.mu.Lock()
		p.done[tenant]++
		p.mu.Unlock()
	}
}

// measure waits until what was spent before is forgotten, and then looks at a window.
func (p *phases) measure(ctx context.Context, what string) {
	pause(ctx, p.window+p.window/12)
	p.mu.Lock()
	clear(p.done)
	p.mu.Unlock()
	from := time.Now()
	pause(ctx, p.window)
	took := time.Since(from)
	used := float64(p.between(from, from.Add(took))) / (phaseRate * took.Seconds())
	p.mu.Lock()
	shares := make([]float64, 0, 8)
	for i := range 8 {
		shares = append(shares, p.done[callerName(i)])
	}
	p.mu.Unlock()
	p.t.Logf("%s: %.1f %% of the budget was used, Jain index %.3f: %s", what, 100*used, jain(shares), fmt.Sprint(shares))
	if used < 0.95 || jain(shares) < fairEnough {
		p.t.Errorf("%s: %.1f %% of the budget was used, Jain index %.3f", what, 100*used, jain(shares))
	}
}

// between is how many calls arrived from a time to another.
func (p *phases) between(from, to time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.arrivals {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// most is the largest number of calls in any window.
func (p *phases) most() (most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.SortedFunc(slices.Values(p.arrivals), time.Time.Compare)
	first := 0
	for i, at := range all {
		for at.Sub(all[first]) >= p.window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
