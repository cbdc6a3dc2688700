package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/idempotency"
)

func urgent(c idempotency.Call) idempotency.Call {
	c.Urgent = true
	return c
}

// TestAnUrgentChangeMakesUrgentWhatItWaitsFor has a change that waits until it is urged, and changes that
// wait for that change and for each other.
func TestAnUrgentChangeMakesUrgentWhatItWaitsFor(t *testing.T) {
	for name, test := range map[string]struct {
		first, second, third idempotency.Call
		took                 time.Duration
	}{
		"the holder":                           {on(plain("a"), "o"), on(plain("b"), "x"), urgent(on(plain("c"), "o")), time.Second},
		"whom the holder's follower waits for": {on(plain("a"), "o"), on(plain("b"), "o", "p"), urgent(on(plain("c"), "p")), time.Second},
		"not the holder of another object":     {on(plain("a"), "o"), on(plain("b"), "o"), urgent(on(plain("c"), "q")), time.Minute},
		"not for one that can wait":            {on(plain("a"), "o"), on(plain("b"), "o"), on(plain("c"), "o"), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := life(t, newDisk(), newWorld(), nil)
				began, took := time.Now(), time.Duration(0)
				first := r.run(t.Context(), test.first, func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
					select {
					case <-op.Urged:
					case <-time.After(time.Minute):
					}
					took = time.Since(began)
					return nil, nil
				})
				synctest.Wait()
				second := r.run(t.Context(), test.second, func(context.Context, *idempotency.Operation) ([]byte, error) { return nil, nil })
				time.Sleep(time.Second)
				third := r.run(t.Context(), test.third, func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
					if test.third.Urgent {
						<-op.Urged
					}
					return nil, nil
				})
				<-first
				<-second
				<-third
				if took != test.took {
					t.Errorf("the holder took %s, want %s", took, test.took)
				}
			})
		})
	}
}
