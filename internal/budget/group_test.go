package budget_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// queue makes asks wait for a spent budget, in order, and returns their permits. A nil permit means a
// refusal.
func queue(t *testing.T, s *budget.Scheduler, asks []budget.Ask) <-chan *budget.Permit {
	t.Helper()
	permits := make(chan *budget.Permit, len(asks))
	for _, a := range asks {
		go func() {
			permit, err := s.Acquire(context.Background(), a)
			if err != nil {
				t.Error(err)
			}
			permits <- permit
		}()
		synctest.Wait()
	}
	return permits
}

func TestGroupTravelsAsOneCall(t *testing.T) {
	const mib = 1 << 20
	many := func(n, items, bytes int) []budget.Ask {
		var asks []budget.Ask
		for i := range n {
			asks = append(asks, budget.Ask{Tenant: name(i % 3), Group: "store", Member: i, Items: items, Bytes: bytes})
		}
		return asks
	}
	for _, tc := range []struct {
		name  string
		asks  []budget.Ask
		loads []int
	}{
		{"all that fit", many(30, 1, 10), []int{30}},
		{"without a number they count as one each", many(30, 0, 0), []int{30}},
		{"at most 100 items", many(250, 1, 10), []int{100, 100, 50}},
		{"counted by items", many(5, 40, 10), []int{2, 2, 1}},
		{"at most 8 MiB", many(5, 1, 3*mib), []int{2, 2, 1}},
		{"too large ones alone", many(2, 1, 9*mib), []int{1, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := budget.New(open())
				defer s.Close()
				spendAll(s)
				other := queue(t, s, []budget.Ask{{Tenant: "z", Group: "another", Member: -1}, {Tenant: "z", Member: -2}})
				permits := queue(t, s, tc.asks)
				var loads []int
				joined, seen := 0, map[int]bool{}
				for range tc.asks {
					permit := <-permits
					if permit.Joined() {
						joined++
						permit.Done(answered)
						continue
					}
					loads = append(loads, 1+len(permit.Members()))
					for _, p := range permit.Members() {
						if n := p.(int); n < 0 || seen[n] {
							t.Errorf("member %d travels where it should not", n)
						} else {
							seen[n] = true
						}
					}
					permit.Done(answered)
				}
				if want := len(tc.asks) - len(tc.loads); joined != want || len(seen) != want {
					t.Errorf("%d were joined with %d members, want %d", joined, len(seen), want)
				}
				mustEqual(t, loads, tc.loads)
				for range 2 {
					if permit := <-other; permit.Joined() || len(permit.Members()) > 0 {
						t.Error("an ask of no or of another group travelled with one")
					}
				}
			})
		})
	}
}

func mustEqual(t *testing.T, got, want []int) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("calls joined %v, want %v", got, want)
	}
}

func TestEachTenantPaysItsPartOfASharedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		spendAll(s)
		permits := queue(t, s, []budget.Ask{
			{Tenant: "a", Group: "g", Items: 1},
			{Tenant: "b", Group: "g", Items: 2},
			{Tenant: "c", Group: "g", Items: 1},
			{Tenant: "c", Group: "g", Items: 4},
		})
		for range 4 {
			(<-permits).Done(answered)
		}
		for who, want := range map[string]float64{"a": 1. / 8, "b": 2. / 8, "c": 5. / 8} {
			if got := s.State().Tenants[who]; math.Abs(got-want) > 1e-9 {
				t.Errorf("%s pays %v, want %v", who, got, want)
			}
		}
		time.Sleep(cloudflare().Window)
		for who, got := range s.State().Tenants {
			if got != 0 {
				t.Errorf("%s still pays %v a window later", who, got)
			}
		}
	})
}

func TestFullGroupIsFilledFairly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		spendAll(s)
		var asks []budget.Ask
		for _, who := range []string{"hog", "big"} {
			for range 150 {
				asks = append(asks, budget.Ask{Tenant: who, Group: "g", Member: who})
			}
		}
		for range 10 {
			asks = append(asks, budget.Ask{Tenant: "small", Group: "g", Member: "small"})
		}
		permits := queue(t, s, asks)
		for range asks {
			permit := <-permits
			permit.Done(answered)
			of := map[any]int{}
			for _, p := range permit.Members() {
				of[p]++
			}
			if of["small"] == 0 {
				continue
			}
			// The leader is the hog's.
			if of["small"] != 10 || of["hog"] < 43 || of["big"] < 43 {
				t.Errorf("in the first call are %v", of)
			}
		}
	})
}
