package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

func TestUnderOverloadWhoIsLetInGetsTheTurn(t *testing.T) {
	for _, tc := range []struct {
		name string
		// tenants ask for so many times the budget together, with a hog among
		// them the first for as much as all others.
		tenants, times int
		hog            bool
	}{
		{"ten times what can be joined", 8, 10, false},
		{"twice what can be joined", 8, 2, false},
		{"one tenant", 1, 10, false},
		{"one that asks for as much as all others", 8, 10, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := small()
				cfg.MaxWait = time.Second
				s := budget.New(cfg)
				defer s.Close()
				c := newCloud(t, cfg)
				rate := 44 * tc.times
				var loads []load
				for i := range tc.tenants {
					every := time.Second * time.Duration(tc.tenants) / time.Duration(rate)
					if tc.hog {
						every *= 2
						if i == 0 {
							every /= time.Duration(tc.tenants)
						}
					}
					loads = append(loads, load{ask: budget.Ask{Tenant: name(i)}, every: every, slowest: 40 * time.Millisecond})
				}
				const length = 30 * time.Second
				var refused, late int
				for _, y := range playAll(s, c, loads, length) {
					refused, late = refused+y.refused, late+y.late
				}
				c.mustHold(cfg)
				used := float64(c.between(0, length)) / (float64(cfg.Calls) * float64(length) / float64(cfg.Window))
				if used < 0.95 {
					t.Errorf("%.3f of the budget was used", used)
				}
				if 100*late > refused {
					t.Errorf("%d waited in vain, and %d were refused at once, want at most one in 100", late, refused)
				}
			})
		})
	}
}
