package budget_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

func TestEstimatedWaitIsNotLongerThanTheWait(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 3))
			cfg := open()
			s := budget.New(cfg)
			defer s.Close()
			c := newCloud(t, cfg)
			tenants := 1 + r.IntN(10)
			var loads []load
			for i := range tenants {
				// No ask leaves the queue, so the estimate can only grow.
				loads = append(loads, load{
					ask:   budget.Ask{Tenant: name(i)},
					every: time.Duration(float64(tenants) * (0.6 + 0.3*r.Float64()) * 250 * float64(time.Millisecond)),
				})
			}
			done := make(chan struct{})
			go func() {
				playAll(s, c, loads, 2*cfg.Window)
				close(done)
			}()
			var probed atomic.Int64
			var probes sync.WaitGroup
			for time.Since(c.start) < 2*cfg.Window {
				time.Sleep(time.Duration(r.ExpFloat64() * 10 * float64(time.Second)))
				who := name(r.IntN(12))
				probes.Go(func() { probed.Add(int64(probe(t, s, who))) })
			}
			probes.Wait()
			<-done
			if probed.Load() == 0 {
				t.Error("the budget was never short")
			}
		})
	}
}

// probe asks once and compares the wait with the estimate before the ask. It returns the number of estimates.
func probe(t *testing.T, s *budget.Scheduler, tenant string) int {
	// An ask that cannot wait gets the estimated wait as RetryAfter.
	began := time.Now()
	permit, err := s.Acquire(context.Background(), budget.Ask{Tenant: tenant, Deadline: began})
	if err == nil {
		permit.Done(answered)
		return 0
	}
	estimate := faultOf(t, err, fault.Throttled).RetryAfter
	permit, err = s.Acquire(context.Background(), budget.Ask{Tenant: tenant})
	if err != nil {
		t.Error(err)
		return 0
	}
	permit.Done(answered)
	if took := time.Since(began); estimate > took+took/20+time.Second {
		t.Errorf("estimated %v, took %v", estimate, took)
	}
	return 1
}
