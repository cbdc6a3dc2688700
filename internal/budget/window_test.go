package budget_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

func TestNoWindowIsEverOverBudget(t *testing.T) {
	for range 6 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			cfg := budget.Config{
				Calls:     20 + r.IntN(300),
				Window:    time.Duration(2+r.IntN(100)) * time.Second,
				PerSecond: r.IntN(2) * (20 + r.IntN(100)),
				MaxWait:   time.Duration(r.IntN(20)) * time.Second,
			}
			s := budget.New(cfg)
			defer s.Close()
			c := newCloud(t, cfg)
			fair := cfg.Window / time.Duration(cfg.Calls)
			var loads []load
			for i := range 1 + r.IntN(8) {
				loads = append(loads, load{
					ask:      budget.Ask{Tenant: name(i), Urgent: r.IntN(4) == 0},
					every:    time.Duration(float64(fair) * (0.3 + 3*r.Float64())),
					patience: time.Duration(1+r.IntN(30)) * time.Second,
					slowest:  time.Duration(r.Float64() * float64(min(cfg.Window, 20*time.Second))),
					lossy:    r.IntN(2) == 0,
				})
			}
			playAll(s, c, loads, 6*cfg.Window)
			c.mustHold(cfg)
		})
	}
}

func TestSlotIsHeldForAWindowAfterTheEnd(t *testing.T) {
	const margin = time.Second // of a window of 5 minutes
	for _, tc := range []struct {
		name   string
		result budget.Result
		want   time.Duration
	}{
		{"of an answered call", answered, 5 * time.Minute},
		{"of a call without an answer and a margin more", budget.Result{Sent: true}, 5*time.Minute + margin},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := budget.New(cloudflare())
				defer s.Close()
				permit, err := s.Acquire(t.Context(), budget.Ask{})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				if got := s.State(); got.Used != 1 || got.InFlight != 1 {
					t.Errorf("a call under way holds %d slots", got.Used)
				}
				permit.Done(tc.result)
				time.Sleep(tc.want - 1)
				if got := s.State().Used; got != 1 {
					t.Errorf("%d slots are held before the time", got)
				}
				time.Sleep(time.Nanosecond)
				if got := s.State().Used; got != 0 {
					t.Errorf("%d slots are held after the time", got)
				}
			})
		})
	}
}

func TestBudgetIsUsedUnderTenfoldLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		var loads []load
		for i := range 10 {
			loads = append(loads, load{
				ask: budget.Ask{Tenant: name(i)}, every: 250 * time.Millisecond,
				patience: 30 * time.Second, slowest: 2 * time.Second,
			})
		}
		sent, late := 0, 0
		for _, y := range playAll(s, c, loads, 4*cfg.Window) {
			sent, late = sent+y.sent, late+y.late
		}
		c.mustHold(cfg)
		used := float64(c.between(0, 4*cfg.Window)) / float64(4*cfg.Calls)
		t.Logf("used %.4f, sent %d, waited in vain %d", used, sent, late)
		if late > sent/3 {
			t.Errorf("%d asks waited in vain beside %d that were sent", late, sent)
		}
		if used < 0.95 {
			t.Errorf("%.3f of the budget was used, want at least 0.95", used)
		}
	})
}
