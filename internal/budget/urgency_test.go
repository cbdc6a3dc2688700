package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// TestAWaitingCallThatBecomesUrgentPassesTheQueue makes one of many waiting calls urgent, like the holder of
// an object for which an urgent call waits.
func TestAWaitingCallThatBecomesUrgentPassesTheQueue(t *testing.T) {
	for name, group := range map[string]string{"alone": "", "in a group": "g"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := cloudflare()
				s := budget.New(cfg)
				defer s.Close()
				c := newCloud(t, cfg)
				done := make(chan struct{})
				go func() {
					playAll(s, c, pressure(10), 2*cfg.Window)
					close(done)
				}()
				time.Sleep(cfg.Window / 2)
				for range 5 {
					time.Sleep(10 * time.Second)
					raised := make(chan struct{})
					got := make(chan time.Time, 1)
					go func() {
						permit, err := s.Acquire(t.Context(), budget.Ask{Tenant: name, Group: group, Urged: raised})
						if err != nil {
							t.Error(err)
						}
						got <- time.Now()
						permit.Done(budget.Result{})
					}()
					synctest.Wait()
					if len(got) > 0 {
						continue // its permit came at once
					}
					began := time.Now()
					close(raised)
					if waited := (<-got).Sub(began); waited > time.Second {
						t.Errorf("it waited %s after it had become urgent", waited)
					}
				}
				<-done
				c.mustHold(cfg)
			})
		})
	}
}

// TestUrgencyOfACallThatDoesNotWait: a call that is urgent from the start waits in the urgent lane. A call
// that has ended is not moved.
func TestUrgencyOfACallThatDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(cloudflare())
		defer s.Close()
		raised := make(chan struct{})
		close(raised)
		for _, urged := range []<-chan struct{}{raised, nil} {
			permit, err := s.Acquire(t.Context(), budget.Ask{Tenant: "a", Urged: urged})
			if err != nil {
				t.Fatal(err)
			}
			permit.Done(budget.Result{})
		}
	})
}
