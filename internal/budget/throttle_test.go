package budget_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

// one makes a call that starts at once and ends with a result.
func one(t *testing.T, s *budget.Scheduler, r budget.Result) {
	t.Helper()
	permit, err := s.Acquire(context.Background(), budget.Ask{Tenant: "a", Urgent: true})
	if err != nil {
		t.Fatal(err)
	}
	permit.Done(r)
}

func refused(after time.Duration) budget.Result {
	return budget.Result{Sent: true, Answered: true, Throttled: true, RetryAfter: after}
}

func TestRefusalByCloudflareStopsAllCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		for range 300 {
			one(t, s, answered)
		}
		one(t, s, refused(2*time.Minute))
		stopped := time.Now()
		_, err := s.Acquire(context.Background(), budget.Ask{Urgent: true, Deadline: time.Now().Add(time.Minute)})
		if f := faultOf(t, err, fault.Throttled); f.RetryAfter < 2*time.Minute || f.RetryAfter > 3*time.Minute {
			t.Errorf("retry after %v", f.RetryAfter)
		}
		if got := s.Share("a"); got.Remaining != 0 || got.Reset < 2*time.Minute {
			t.Errorf("share %+v while blocked", got)
		}
		permit, err := s.Acquire(context.Background(), budget.Ask{Urgent: true})
		if err != nil {
			t.Fatal(err)
		}
		permit.Done(answered)
		if waited := time.Since(stopped); waited < 2*time.Minute || waited > 2*time.Minute+5*time.Second {
			t.Errorf("the next call went after %v", waited)
		}
	})
}

func TestRefusalByCloudflareTurnsAwayThoseWhoCannotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		slow, err := s.Acquire(context.Background(), budget.Ask{Urgent: true})
		if err != nil {
			t.Fatal(err)
		}
		spendAll(s)
		time.Sleep(250 * time.Second)
		errs := make(chan error, 2)
		for _, patience := range []time.Duration{100 * time.Second, time.Hour} {
			go func() {
				_, err := s.Acquire(context.Background(), budget.Ask{Deadline: time.Now().Add(patience)})
				errs <- err
			}()
		}
		synctest.Wait()
		began := time.Now()
		slow.Done(refused(5 * time.Minute))
		f := faultOf(t, <-errs, fault.Throttled)
		if waited := time.Since(began); waited > 0 || f.RetryAfter < 5*time.Minute {
			t.Errorf("turned away after %v with retry after %v", waited, f.RetryAfter)
		}
		if err := <-errs; err != nil || time.Since(began) < 5*time.Minute {
			t.Errorf("the patient one got %v after %v", err, time.Since(began))
		}
	})
}

func TestCallsFromOutsideAreLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		s := budget.New(cfg)
		defer s.Close()
		for range 400 {
			one(t, s, answered)
		}
		one(t, s, refused(cfg.Window))
		at := s.State()
		if at.Outside < 799 || at.Outside > 950 || at.Limit != cfg.Calls-at.Outside || at.BlockedUntil.IsZero() {
			t.Errorf("after a 429 at 401 calls: %+v", at)
		}
		time.Sleep(cfg.Window)
		if got := s.State().Limit; got != at.Limit {
			t.Errorf("limit %d at the end of the block, and %d at its begin", got, at.Limit)
		}
		// A first refusal may be about a load that does not come again.
		time.Sleep(3 * cfg.Window)
		if got := s.State().Outside; got < at.Outside*4/10 || got > at.Outside*6/10 {
			t.Errorf("%d calls are left to others three windows later, and %d at first", got, at.Outside)
		}
		time.Sleep(33 * cfg.Window)
		if got := s.State().Limit; got != cfg.Calls {
			t.Errorf("limit %d long after", got)
		}
	})
}

func TestBlockOfAnotherReplicaHoldsHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		s.Block(time.Minute)
		s.Block(time.Second)
		began := time.Now()
		one(t, s, answered)
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("the next call went after %v", waited)
		}
		if got := s.State(); got.Outside != 0 {
			t.Errorf("it learned of %d calls that it knows nothing of", got.Outside)
		}
	})
}

func TestAfterABlockCallsAreSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		s.Block(time.Minute)
		busy := load{ask: budget.Ask{Tenant: "busy"}, every: 20 * time.Millisecond, patience: 90 * time.Second}
		play(s, c, busy, 2*time.Minute, 3)
		if got := c.between(0, time.Minute); got > 0 {
			t.Errorf("%d calls went during the block", got)
		}
		if got := c.between(time.Minute, 70*time.Second); got < 10 || got > 50 {
			t.Errorf("%d calls went in the 10 s after the block", got)
		}
	})
}

func TestHeaders(t *testing.T) {
	const policy = `"default";q=1200;w=300`
	for _, tc := range []struct {
		name          string
		limit, policy string
		outside       int
	}{
		{"that always say the same teach nothing", `"default";r=1199;t=1`, policy, 0},
		{"that tell of fewer calls left teach that others call", `"default";r=899;t=30`, policy, 200},
		{"without a policy teach nothing", `"default";r=899;t=30`, "", 0},
		{"of another policy teach nothing", `"default";r=50;t=30`, `"default";q=100;w=60`, 0},
		{"of another window teach nothing", `"default";r=50;t=30`, `"default";q=1200;w=60`, 0},
		{"of another name teach nothing", `"burst";r=50;t=30`, policy, 0},
		{"in a list are found", `"burst";r=3;t=1, "default";r=899;t=30`, `"burst";q=100;w=60, ` + policy, 200},
		{"that tell of nothing left teach half at most", `"default";r=0;t=30`, policy, 600},
		{"that are no numbers teach nothing", `"default";r=x;t=30`, policy, 0},
		{"below nothing teach nothing", `"default";r=-5;t=30`, policy, 0},
		{"that are torn teach nothing", `;;r=,=;`, `"default";q=1200;w`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := budget.New(open())
				defer s.Close()
				for range 100 {
					one(t, s, answered)
				}
				one(t, s, budget.Result{Sent: true, Answered: true, Limit: tc.limit, Policy: tc.policy})
				if got := s.State().Outside; got != tc.outside {
					t.Errorf("outside %d, want %d", got, tc.outside)
				}
			})
		})
	}
}

func TestBogusHeadersDoNotStopTheCalls(t *testing.T) {
	for _, tc := range []struct {
		name, limit string
		least       float64
	}{
		{"that say that all is left", `"default";r=1199;t=1`, 0.95},
		{"that say that nothing is left", `"default";r=0;t=1`, 0.45},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := open()
				s := budget.New(cfg)
				defer s.Close()
				c := newCloud(t, cfg)
				until := c.start.Add(3 * cfg.Window)
				for time.Now().Before(until) {
					permit, err := s.Acquire(t.Context(), budget.Ask{Deadline: until})
					if err != nil {
						break
					}
					c.arrive("")
					permit.Done(budget.Result{Sent: true, Answered: true, Limit: tc.limit, Policy: `"default";q=1200;w=300`})
				}
				c.mustHold(cfg)
				if used := float64(len(c.arrivals)) / float64(3*cfg.Calls); used < tc.least {
					t.Errorf("%.3f of the budget was used", used)
				}
			})
		})
	}
}
