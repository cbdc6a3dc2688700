package budget_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
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
				// Nobody leaves, so what is estimated can only become longer.
				loads = append(loads, load{
					ask:   budget.Ask{Tenant: name(i)},
					every: time.Duration(float64(tenants) * (0.4 + 0.6*r.Float64()) * 200 * float64(time.Millisecond)),
				})
			}
			done := make(chan struct{})
			go func() {
				playAll(s, c, loads, 2*cfg.Window)
				close(done)
			}()
			probed := 0
			for time.Since(c.start) < 2*cfg.Window {
				time.Sleep(time.Duration(r.ExpFloat64() * 20 * float64(time.Second)))
				probed += probe(t, s, name(r.IntN(12)))
			}
			<-done
			if probed == 0 {
				t.Error("the budget was never short")
			}
		})
	}
}

// probe asks once and holds the wait against the estimate before it. It tells
// how often there was one.
func probe(t *testing.T, s *budget.Scheduler, tenant string) int {
	before := s.Share(tenant)
	began := time.Now()
	turn, err := s.Acquire(context.Background(), budget.Ask{Tenant: tenant})
	if err != nil {
		t.Error(err)
		return 0
	}
	turn.Done(answered)
	if before.Remaining > 0 {
		return 0
	}
	if took := time.Since(began); before.Reset > took+took/20+time.Second {
		t.Errorf("estimated %v, took %v", before.Reset, took)
	}
	return 1
}
