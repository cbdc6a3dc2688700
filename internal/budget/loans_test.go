package budget_test

import (
	"context"
	"math"
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

func TestDueFollowsWhereFairSharesWait(t *testing.T) {
	for _, tc := range []struct {
		name string
		here map[string]int
		far  []map[string]int
		want float64
	}{
		{"nothing known", map[string]int{"a": 3}, nil, 0.5},
		{"nobody waits", nil, []map[string]int{{}}, 0.5},
		{"only here", map[string]int{"a": 3}, []map[string]int{{}}, 1},
		{"only there", nil, []map[string]int{{"a": 3}}, 0},
		{"one tenant on each", map[string]int{"a": 1}, []map[string]int{{"b": 1000}}, 0.5},
		{"three tenants here", map[string]int{"a": 1, "c": 1, "d": 1}, []map[string]int{{"b": 5}}, 0.75},
		{"one tenant on both", map[string]int{"a": 1}, []map[string]int{{"a": 2}, {"a": 1}}, 0.25},
		{"a heavy tenant there", map[string]int{"a": 1}, []map[string]int{{"heavy": 2}}, 0.25},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := open()
				cfg.Replicas = 2
				cfg.Weight = func(tenant string) float64 {
					if tenant == "heavy" {
						return 3
					}
					return 1
				}
				s := budget.New(cfg)
				spendAll(s)
				for tenant, n := range tc.here {
					for range n {
						go func() {
							if _, err := s.Acquire(context.Background(), budget.Ask{Tenant: tenant}); err == nil {
								t.Error("it got a turn of a spent budget")
							}
						}()
					}
				}
				synctest.Wait()
				s.SetElsewhere(tc.far)
				if got := s.Due(); math.Abs(got-tc.want) > 1e-9 {
					t.Errorf("due %v, want %v", got, tc.want)
				}
				s.Close()
			})
		})
	}
}

func TestReplicaThatHearsNothingUsesItsOwnPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		cfg.Replicas = 2
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		c.calls = 600
		s.SetElsewhere([]map[string]int{{"a": 1, "b": 1, "c": 1}})
		play(s, c, load{ask: budget.Ask{Tenant: "x"}, every: 100 * time.Millisecond, patience: 20 * time.Second}, 2*cfg.Window, 4)
		c.mustHold(cfg)
		if used := float64(c.between(0, 2*cfg.Window)) / 1200; used < 0.95 {
			t.Errorf("%.3f of the own part was used", used)
		}
		if got := s.Surplus(); got != 0 {
			t.Errorf("it would lend %d to nobody", got)
		}
	})
}

func TestLoanedCallThatLastsLongHoldsAnOwnSlot(t *testing.T) {
	for _, tc := range []struct {
		name   string
		lasts  time.Duration
		result budget.Result
		want   int
	}{
		{"within two graces it holds none", 2*time.Second - 1, answered, 0},
		{"after two graces it holds one", 2 * time.Second, answered, 1},
		{"without an answer it holds one", time.Second, budget.Result{Sent: true}, 1},
		{"not sent it holds none", time.Minute, budget.Result{}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := open()
				cfg.Replicas = 2
				s := budget.New(cfg)
				defer s.Close()
				s.Borrow(1)
				turn, err := s.Acquire(t.Context(), budget.Ask{Tenant: "x"})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(tc.lasts)
				turn.Done(tc.result)
				if got := s.State(); got.Used != tc.want || got.Flying != 0 {
					t.Errorf("it holds %d slots, want %d", got.Used, tc.want)
				}
			})
		})
	}
}

func TestCallsInFlightLeaveRoomForLoansThatEndLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(budget.Config{Calls: 20, Window: time.Minute, Replicas: 2})
		defer s.Close()
		asked := 0
		ask := func() (*budget.Turn, error) {
			asked++
			return s.Acquire(t.Context(), budget.Ask{Tenant: name(asked), Urgent: true, Deadline: time.Now()})
		}
		var last *budget.Turn
		for range 10 {
			turn, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			last = turn
		}
		s.Borrow(1)
		if _, err := ask(); err == nil {
			t.Error("a call began on a loan with all own slots in flight")
		}
		last.Done(answered)
		if _, err := ask(); err != nil {
			t.Errorf("a loan does not serve once a call has ended: %v", err)
		}
	})
}

func TestPermitsLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		cfg.Replicas = 2
		s := budget.New(cfg)
		defer s.Close()
		spendAll(s)
		try := func() error {
			turn, err := s.Acquire(context.Background(), budget.Ask{Tenant: "x", Deadline: time.Now()})
			if err == nil {
				turn.Done(answered)
			}
			return err
		}
		s.Borrow(2)
		if err := try(); err != nil {
			t.Errorf("a permit does not serve: %v", err)
		}
		if got := s.State(); got.Used != 600 || got.Borrowed != 1 {
			t.Errorf("a call on a loan counts here: %+v", got)
		}
		time.Sleep(500 * time.Millisecond)
		if err := try(); err == nil {
			t.Error("a permit serves after half a grace")
		}
	})
}

func TestLentSlotsAreGoneForAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		cfg.Replicas = 2
		s := budget.New(cfg)
		defer s.Close()
		if got := s.Lend(100); got != 100 {
			t.Errorf("lent %d", got)
		}
		if got := s.Lend(1000); got != 488 {
			t.Errorf("lent %d of the 500 that were left, want all but the reserve", got)
		}
		time.Sleep(cfg.Window + 3*time.Second - 1)
		if got := s.State().Used; got != 588 {
			t.Errorf("%d slots are held before the time", got)
		}
		time.Sleep(time.Nanosecond)
		if got := s.State().Used; got != 0 {
			t.Errorf("%d slots are held after the time", got)
		}
	})
}
