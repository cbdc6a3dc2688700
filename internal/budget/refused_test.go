package budget_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

// lateness is how late timers are on a busy machine.
func lateness(seed uint64) func() time.Duration {
	r := random(seed)
	return func() time.Duration { return time.Duration(r.Float64() * float64(20*time.Millisecond)) }
}

func TestHalvesOfABudgetAreUsedWithLateTimers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cfg     budget.Config
		tenants int
	}{
		{"at full size", cloudflare(), 20},
		{"in a short window", budget.Config{Calls: 450, Window: 15 * time.Second}, 20},
		{"of few tenants", budget.Config{Calls: 450, Window: 15 * time.Second}, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCloud(t, tc.cfg)
				each := 2 * tc.cfg.Window * time.Duration(tc.tenants) / time.Duration(10*tc.cfg.Calls)
				var loads []load
				for i := range tc.tenants {
					loads = append(loads, load{ask: budget.Ask{Tenant: name(i)}, every: each, patience: 5 * time.Second})
				}
				var all sync.WaitGroup
				for i, s := range partitions(t, tc.cfg, 2) {
					s.DelayTimers(lateness(uint64(3 + i)))
					all.Go(func() { playAll(s, c, loads, 4*tc.cfg.Window) })
				}
				all.Wait()
				c.mustHold(tc.cfg)
				used := float64(c.between(0, 4*tc.cfg.Window)) / float64(4*tc.cfg.Calls)
				t.Logf("used %.3f", used)
				if used < 0.95 {
					t.Errorf("%.3f of the budget was used", used)
				}
			})
		})
	}
}

func TestRefusedAsksAreDemandForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		spendAll(s)
		time.Sleep(10 * time.Second)
		refuse := func(n int) {
			for range n {
				_, err := s.Acquire(t.Context(), budget.Ask{Tenant: "a", Deadline: time.Now().Add(time.Second)})
				_ = faultOf(t, err, fault.Throttled)
			}
		}
		check := func(when string, want int) {
			t.Helper()
			if got := int(s.Demand().Flows["a"].Waiting + 0.5); got != want {
				t.Errorf("%s the demand is %d, want %d", when, got, want)
			}
		}
		refuse(10)
		check("at once", 10)
		if got := s.State().Waiting; got != 0 {
			t.Errorf("%d wait", got)
		}
		time.Sleep(time.Second)
		check("a second later", 4)
		time.Sleep(5 * time.Second)
		check("long after", 0)
		refuse(1000)
		check("after many", 120)
		time.Sleep(10 * time.Second)
		s.Block(time.Minute)
		refuse(10)
		check("while Cloudflare refuses", 0)
	})
}

func TestCheckSaysWhatAcquireWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		ask := func(patience time.Duration) budget.Ask {
			return budget.Ask{Tenant: "a", Deadline: time.Now().Add(patience)}
		}
		if err := s.Check(t.Context(), ask(0)); err != nil {
			t.Errorf("with a free budget: %v", err)
		}
		if got := s.State(); got.Used != 0 {
			t.Errorf("it took %d slots", got.Used)
		}
		spendAll(s)
		time.Sleep(time.Minute)
		got := faultOf(t, s.Check(t.Context(), ask(time.Minute)), fault.Throttled)
		_, err := s.Acquire(t.Context(), ask(time.Minute))
		want := faultOf(t, err, fault.Throttled)
		if got.Reason != want.Reason || got.RetryAfter != want.RetryAfter || got.Error() != want.Error() {
			t.Errorf("it says %v, and Acquire %v", got, want)
		}
		if err := s.Check(t.Context(), ask(time.Hour)); err != nil {
			t.Errorf("to one who can wait: %v", err)
		}
		if got := s.Demand().Flows["a"].Waiting; got < 1.99 || got > 2 {
			t.Errorf("demand %v, want the two that were refused", got)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		impatient := ask(time.Hour)
		impatient.Wanted = gone
		_ = faultOf(t, s.Check(t.Context(), impatient), fault.Canceled)
		s.Close()
		_ = faultOf(t, s.Check(t.Context(), ask(time.Hour)), fault.Unavailable)
	})
}
