package budget_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

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
		{"nearly as much there", map[string]int{"a": 20}, []map[string]int{{"a": 18}}, 0.5},
		{"more there than by chance", map[string]int{"a": 20}, []map[string]int{{"a": 30}}, 0.4},
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
				// What was refused meanwhile is forgotten.
				time.Sleep(10 * time.Second)
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
