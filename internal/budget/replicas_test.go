package budget_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// pair is two replicas that lend to each other.
func pair(t *testing.T, cfg budget.Config) (a, b *budget.Scheduler) {
	t.Helper()
	cfg.Replicas = 2
	a, b = budget.New(cfg), budget.New(cfg)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		exchange(a, b, cfg, stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
		a.Close()
		b.Close()
	})
	return a, b
}

// exchange is what replicas do: tell each other who waits, and lend.
func exchange(a, b *budget.Scheduler, cfg budget.Config, stop <-chan struct{}) {
	grace := min(time.Second, cfg.Window/50)
	r := rand.New(rand.NewPCG(1, 2))
	for {
		a.SetElsewhere([]map[string]int{b.Demand()})
		b.SetElsewhere([]map[string]int{a.Demand()})
		ab, ba := a.Lend(a.Surplus()), b.Lend(b.Surplus())
		// Nearly the longest that a loan may be under way.
		pause := time.Duration(r.Float64() * float64(grace))
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		b.Borrow(ab)
		a.Borrow(ba)
	}
}

func TestReplicasTogetherKeepTheBudget(t *testing.T) {
	for range 4 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 2))
			cfg := budget.Config{Calls: 40 + r.IntN(400), Window: time.Duration(5+r.IntN(100)) * time.Second, PerSecond: 300}
			a, b := pair(t, cfg)
			c := newCloud(t, cfg)
			fair := cfg.Window / time.Duration(cfg.Calls)
			done := make(chan struct{})
			stream := func(i int) load {
				return load{
					ask:   budget.Ask{Tenant: name(i), Urgent: r.IntN(5) == 0},
					every: time.Duration(float64(fair) * (0.3 + 2*r.Float64())), patience: 20 * time.Second,
					slowest: time.Duration(r.Float64() * float64(min(cfg.Window/2, 10*time.Second))), lossy: r.IntN(2) == 0,
				}
			}
			first, second := []load{stream(0), stream(1)}, []load{stream(1)}
			go func() {
				playAll(a, c, first, 3*cfg.Window)
				// Then all the load moves to the other replica.
				playAll(b, c, first, 6*cfg.Window)
				close(done)
			}()
			playAll(b, c, second, 2*cfg.Window)
			<-done
			c.mustHold(cfg)
		})
	}
}

func TestLoanedCallsThatLastLongKeepTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := budget.Config{Calls: 20, Window: 10 * time.Second}
		a, b := pair(t, cfg)
		c := newCloud(t, cfg)
		hang := load{ask: budget.Ask{Tenant: "a"}, every: 50 * time.Millisecond, patience: 8 * time.Second, slowest: 15 * time.Second}
		done := make(chan struct{})
		go func() {
			play(a, c, hang, 12*cfg.Window, 1)
			close(done)
		}()
		rare := load{ask: budget.Ask{Tenant: "b"}, every: 3 * time.Second, slowest: 3 * time.Second}
		play(b, c, rare, 12*cfg.Window, 2)
		<-done
		c.mustHold(cfg)
	})
}

func TestOneBusyReplicaUsesTheWholeBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		a, b := pair(t, cfg)
		c := newCloud(t, cfg)
		loads := pressure(5)
		for i := range loads {
			loads[i].slowest = 300 * time.Millisecond
		}
		// A few changes that cannot wait come to both.
		rare := load{ask: budget.Ask{Tenant: name(1), Urgent: true}, every: 10 * time.Second}
		var there *tally
		done := make(chan struct{})
		go func() {
			there = play(b, c, rare, 3*cfg.Window, 77)
			close(done)
		}()
		tallies := playAll(a, c, append(loads, rare), 3*cfg.Window)
		<-done
		c.mustHold(cfg)
		for _, y := range []*tally{there, tallies[5]} {
			if y.sent != y.asked || y.longest() > time.Second {
				t.Errorf("%d of %d urgent calls went, after up to %v", y.sent, y.asked, y.longest())
			}
		}
		used := float64(c.between(cfg.Window, 3*cfg.Window)) / float64(2*cfg.Calls)
		t.Logf("used %.4f, in the first window %.4f", used, float64(c.between(0, cfg.Window))/float64(cfg.Calls))
		if used < 0.95 {
			t.Errorf("%.3f of the budget was used", used)
		}
	})
}

func TestHogOnOneReplicaAndPoliteTenantsOnTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		a, b := pair(t, cfg)
		c := newCloud(t, cfg)
		loads := crowd(cfg, 20)
		var hog *tally
		done := make(chan struct{})
		go func() {
			hog = play(a, c, loads[0], 5*cfg.Window, 99)
			close(done)
		}()
		tallies := playAll(b, c, loads[1:], 5*cfg.Window)
		<-done
		c.mustHold(cfg)
		mustBeFair(t, c, append([]*tally{hog}, tallies...), 5*float64(cfg.Calls)/21)
		used := float64(c.between(cfg.Window, 5*cfg.Window)) / float64(4*cfg.Calls)
		if used < 0.95 {
			t.Errorf("%.3f of the budget was used", used)
		}
	})
}
