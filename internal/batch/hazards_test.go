package batch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/batch"
	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
)

func by(ctx context.Context, owner string) context.Context {
	return change.With(ctx, &change.Attempt{Op: change.Op{Caller: owner}})
}

// watched makes a Batcher that knows the names in the store and the owners of refused items.
func watched(s *scene, calls int) coalescer {
	s.scheduler = budget.New(budget.Config{Calls: calls, Window: window})
	return newCoalescer(batch.Config{
		Listings: s.cloud, Attempt: attempt,
		Acquire: func(ctx context.Context, by *change.Attempt, a budget.Ask) (*budget.Permit, error) {
			a.Tenant = by.Op.Caller
			return s.scheduler.Acquire(ctx, a)
		},
		Holds: func(_, _, name string) bool {
			s.cloud.mu.Lock()
			defer s.cloud.mu.Unlock()
			_, there := s.cloud.secrets[name]
			return there
		},
	}, s.cloud)
}

func TestANameThatTheStoreHoldsTravelsAlone(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cloud.put("A")
		s.coalescer.Close()
		s.scheduler.Close()
		s.coalescer = watched(s, 1)
		s.spend()
		told := s.createAll("B", "A", "C")
		want := []string{"id of B", "SECRET_NAME_ALREADY_EXISTS A", "id of C"}
		for i := range told {
			if !sameStart(told[i], want[i]) {
				t.Errorf("told %q, want %q", told, want)
			}
		}
		if got, want := sorted(s.cloud.sent()), []string{"A", "B C"}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

func TestOfTwoParcelsWithOneNameTheSecondTravelsAlone(t *testing.T) {
	inScene(t, func(s *scene) {
		s.createAll("A", "B A", "C")
		if got, want := sorted(s.cloud.sent()), []string{"A B", "A C"}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

// TestOneOwnerOfBadItemsCostsOthersNoCreates has thirty tenants that create without a pause, and one tenant
// whose creates are refused, each time for a different item.
func TestOneOwnerOfBadItemsCostsOthersNoCreates(t *testing.T) {
	cases := map[string]func(i int) string{
		"names that are taken":   func(int) string { return "TAKEN" },
		"scopes that are wrong":  func(i int) string { return fmt.Sprint("BAD", i) },
		"names of other tenants": func(i int) string { return fmt.Sprintf("T%d-%d", i%30, i/30) },
	}
	made := func(t *testing.T, spoil func(i int) string) int {
		t.Helper()
		n := 0
		synctest.Test(t, func(t *testing.T) {
			s := &scene{t: t, cloud: &cloud{}}
			s.cloud.put("TAKEN")
			s.cloud.answer = func(context.Context, []string) error { time.Sleep(20 * time.Millisecond); return nil }
			c := watched(s, 40)
			defer s.scheduler.Close()
			end := time.Now().Add(40 * time.Second)
			var all sync.WaitGroup
			repeat := func(owner string, name func(i int) string) {
				ctx := by(t.Context(), owner)
				for i := 0; time.Now().Before(end); i++ {
					_, _ = c.CreateSecrets(ctx, params(name(i)))
				}
			}
			for who := range 30 {
				all.Go(func() {
					repeat(fmt.Sprint("tenant", who), func(i int) string { return fmt.Sprintf("T%d-%d", who, i) })
				})
			}
			if spoil != nil {
				for range 10 {
					all.Go(func() { repeat("spoiler", spoil) })
				}
			}
			all.Wait()
			c.Close()
			for name := range s.cloud.secrets {
				if strings.HasPrefix(name, "T") {
					n++
				}
			}
		})
		return n
	}
	quiet := made(t, nil)
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			if got := made(t, spoil); got < quiet*9/10 {
				t.Errorf("%d secrets were made, and %d without it", got, quiet)
			} else {
				t.Logf("%d secrets were made, and %d without it", got, quiet)
			}
		})
	}
}
