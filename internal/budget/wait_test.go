package budget_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

var answered = budget.Result{Sent: true, Answered: true}

// spend makes calls until none goes at once, and tells how many went.
func spend(s *budget.Scheduler, a budget.Ask) int {
	for n := 0; ; n++ {
		a.Deadline = time.Now()
		permit, err := s.Acquire(context.Background(), a)
		if err != nil {
			return n
		}
		permit.Done(answered)
	}
}

// spendAll uses the whole budget at once.
func spendAll(s *budget.Scheduler) {
	s.Spend([]budget.Spent{{Until: time.Now().Add(s.Share("").Window + 3*time.Second), Slots: s.State().Limit * 49 / 50}})
	for i := range 40 {
		spend(s, budget.Ask{Tenant: name(i), Urgent: true})
	}
}

func faultOf(t *testing.T, err error, kind fault.Kind) *fault.Error {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind {
		t.Fatalf("got %v, want a fault of kind %d", err, kind)
	}
	return f
}

func TestWhatCannotBeServedInTimeIsRefusedAtOnce(t *testing.T) {
	far := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for _, tc := range []struct {
		name string
		ask  func(s *budget.Scheduler) error
	}{
		{"by the deadline of the ask", func(s *budget.Scheduler) error {
			_, err := s.Acquire(context.Background(), budget.Ask{Deadline: far(100 * time.Second)})
			return err
		}},
		{"by the deadline of the context", func(s *budget.Scheduler) error {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
			defer cancel()
			_, err := s.Acquire(ctx, budget.Ask{Deadline: far(time.Hour)})
			return err
		}},
		{"by the deadline of the caller", func(s *budget.Scheduler) error {
			caller, cancel := context.WithTimeout(context.Background(), 100*time.Second)
			defer cancel()
			_, err := s.Acquire(context.Background(), budget.Ask{Wanted: caller})
			return err
		}},
		{"even if it is urgent", func(s *budget.Scheduler) error {
			_, err := s.Acquire(context.Background(), budget.Ask{Urgent: true, Deadline: far(100 * time.Second)})
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := budget.New(open())
				defer s.Close()
				spendAll(s)
				time.Sleep(150 * time.Second)
				began := time.Now()
				f := faultOf(t, tc.ask(s), fault.Throttled)
				if waited := time.Since(began); waited > 0 {
					t.Errorf("it was refused after %v", waited)
				}
				if f.Reason != "BUDGET_SPENT" || f.RetryAfter < 140*time.Second || f.RetryAfter > 160*time.Second {
					t.Errorf("got reason %s, retry after %v", f.Reason, f.RetryAfter)
				}
			})
		})
	}
}

func TestLongestWaitOfTheSchedulerBoundsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		cfg.MaxWait = 10 * time.Second
		s := budget.New(cfg)
		defer s.Close()
		spendAll(s)
		_, err := s.Acquire(context.Background(), budget.Ask{})
		_ = faultOf(t, err, fault.Throttled)
		time.Sleep(cfg.Window + 3*time.Second - cfg.MaxWait)
		began := time.Now()
		permit, err := s.Acquire(context.Background(), budget.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		permit.Done(answered)
		if waited := time.Since(began); waited < 9*time.Second {
			t.Errorf("it waited %v although the budget was spent", waited)
		}
	})
}

func TestHopefulAskLeavesAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(budget.Config{Calls: 10, Window: 10 * time.Second})
		defer s.Close()
		var permits []*budget.Permit
		for range 10 {
			permit, err := s.Acquire(context.Background(), budget.Ask{Urgent: true})
			if err != nil {
				t.Fatal(err)
			}
			permits = append(permits, permit)
		}
		// The calls under way could all end now; they do not.
		began := time.Now()
		_, err := s.Acquire(context.Background(), budget.Ask{Deadline: began.Add(11 * time.Second)})
		f := faultOf(t, err, fault.Throttled)
		if waited := time.Since(began); waited != 11*time.Second || f.RetryAfter < time.Second {
			t.Errorf("it left after %v with retry after %v", waited, f.RetryAfter)
		}
		for _, permit := range permits {
			permit.Done(answered)
		}
	})
}

func TestCallerWhoLeavesFreesThePlace(t *testing.T) {
	for _, tc := range []struct {
		name string
		wait func(s *budget.Scheduler, caller context.Context) error
	}{
		{"by its own context", func(s *budget.Scheduler, c context.Context) error {
			_, err := s.Acquire(c, budget.Ask{Group: "g"})
			return err
		}},
		{"by the patience of its caller", func(s *budget.Scheduler, c context.Context) error {
			_, err := s.Acquire(context.Background(), budget.Ask{Group: "g", Wanted: c})
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := budget.New(open())
				defer s.Close()
				spendAll(s)
				caller, cancel := context.WithCancel(context.Background())
				errs := make(chan error, 1)
				go func() { errs <- tc.wait(s, caller) }()
				synctest.Wait()
				if got := s.State().Waiting; got != 1 {
					t.Fatalf("%d wait, want 1", got)
				}
				cancel()
				_ = faultOf(t, <-errs, fault.Canceled)
				if got := s.State().Waiting; got != 0 {
					t.Errorf("%d wait after it left", got)
				}
				_ = faultOf(t, tc.wait(s, caller), fault.Canceled)
			})
		})
	}
}

func TestQueueOfATenantIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		spendAll(s)
		errs := make(chan error, 2000)
		for range 2000 {
			go func() {
				_, err := s.Acquire(context.Background(), budget.Ask{Tenant: "a"})
				errs <- err
			}()
		}
		synctest.Wait()
		_, err := s.Acquire(context.Background(), budget.Ask{Tenant: "a"})
		_ = faultOf(t, err, fault.Throttled)
		s.Close()
		for range 2000 {
			_ = faultOf(t, <-errs, fault.Unavailable)
		}
		_, err = s.Acquire(context.Background(), budget.Ask{Tenant: "a"})
		_ = faultOf(t, err, fault.Unavailable)
	})
}

func TestCallThatWasNotSentCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(budget.Config{Calls: 100, Window: time.Minute})
		defer s.Close()
		for range 1000 {
			permit, err := s.Acquire(context.Background(), budget.Ask{Tenant: "a", Deadline: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			permit.Done(budget.Result{})
			permit.Done(answered) // only the first counts
		}
		if st := s.State(); st.Used != 0 || st.Tenants["a"] != 0 {
			t.Errorf("used %d, of the tenant %v", st.Used, st.Tenants["a"])
		}
	})
}
