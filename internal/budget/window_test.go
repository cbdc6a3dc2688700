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
