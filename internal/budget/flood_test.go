package budget_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// floods are tenants that ask for ten times the budget together.
func floods(n int, urgent bool) []load {
	kind := map[bool]string{true: "flood", false: "bulk"}[urgent]
	var loads []load
	for i := range n {
		loads = append(loads, load{
			ask:   budget.Ask{Tenant: fmt.Sprint(kind, i), Urgent: urgent},
			every: time.Duration(n) * 25 * time.Millisecond, patience: 30 * time.Second, slowest: time.Second,
		})
	}
	return loads
}

func TestFloodsOfUrgentCallsLeaveRoomForTheUrgentCallsOfOthers(t *testing.T) {
	for _, tc := range []struct {
		name         string
		floods, bulk int
		every, quiet time.Duration
	}{
		{"a hog of each kind", 1, 1, 3 * time.Second, 0},
		{"a hog of each kind, the urgent one later", 1, 1, 3 * time.Second, 5 * time.Minute},
		{"one flood beside many who ask much", 1, 10, 8 * time.Second, 0},
		{"twenty floods", 20, 0, 10 * time.Second, 0},
		{"twenty floods beside one who asks much", 20, 1, 10 * time.Second, 0},
		{"twenty floods beside many who ask much", 20, 10, 20 * time.Second, 0},
		{"twenty floods later", 20, 10, 20 * time.Second, 5 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := cloudflare()
				s := budget.New(cfg)
				defer s.Close()
				c := newCloud(t, cfg)
				end := 2 * cfg.Window
				var all sync.WaitGroup
				all.Go(func() { playAll(s, c, floods(tc.bulk, false), end) })
				time.Sleep(tc.quiet)
				all.Go(func() { playAll(s, c, floods(tc.floods, true), end) })
				y := play(s, c, load{ask: budget.Ask{Tenant: "careful", Urgent: true}, every: tc.every}, end, 7)
				all.Wait()
				c.mustHold(cfg)
				if y.sent != y.asked || y.longest() > time.Second {
					t.Errorf("%d of %d urgent calls went, after up to %v", y.sent, y.asked, y.longest())
				}
				if used := float64(c.between(0, end)) / float64(2*cfg.Calls); used < 0.95 {
					t.Errorf("%.3f of the budget was used", used)
				}
			})
		})
	}
}

func TestUrgentCallsGoEachSecondAfterABurstOfManyTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		for i := range 20 {
			for range 10 {
				go (&tally{}).one(s, c, load{ask: budget.Ask{Tenant: name(i), Urgent: true}}, random(1))
			}
		}
		synctest.Wait()
		for range 600 {
			var y tally
			y.one(s, c, load{ask: budget.Ask{Tenant: "careful", Urgent: true}}, random(2))
			if y.sent != 1 || y.longest() > time.Second {
				t.Fatalf("a rotation waited %v", y.longest())
			}
			time.Sleep(time.Second)
		}
		c.mustHold(cfg)
	})
}

func TestBurstOfUrgentCallsGoesAtOnceWhereTheBudgetIsIdle(t *testing.T) {
	for _, tenants := range []int{1, 5, 100} {
		synctest.Test(t, func(t *testing.T) {
			s := budget.New(cloudflare())
			defer s.Close()
			for i := range 100 {
				ask := budget.Ask{Tenant: name(i % tenants), Urgent: true, Deadline: time.Now()}
				permit, err := s.Acquire(t.Context(), ask)
				if err != nil {
					t.Fatalf("call %d of %d tenants: %v", i, tenants, err)
				}
				permit.Done(answered)
			}
		})
	}
}

func TestUrgentCallsOfAllTenantsTogetherDoNotSpendTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		sent := 0
		for i := range 1000 {
			sent += spend(s, budget.Ask{Tenant: name(i), Urgent: true})
		}
		if sent < 600 || sent > 901 {
			t.Errorf("%d calls went at once, want half of the slots and a quarter more", sent)
		}
	})
}
