package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// pressure is tenants that together ask for ten times the budget.
func pressure(tenants int) []load {
	var loads []load
	for i := range tenants {
		loads = append(loads, load{
			ask: budget.Ask{Tenant: name(i)}, every: time.Duration(tenants) * 25 * time.Millisecond,
			patience: 30 * time.Second, slowest: 2 * time.Second,
		})
	}
	return loads
}

func TestUrgentCallsPassAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		loads := pressure(10)
		for i := range 4 {
			loads = append(loads, load{ask: budget.Ask{Tenant: name(i), Urgent: true}, every: 8 * time.Second, slowest: 2 * time.Second})
		}
		tallies := playAll(s, c, loads, 4*cfg.Window)
		c.mustHold(cfg)
		for _, y := range tallies[10:] {
			if y.sent != y.asked || y.longest() > time.Second {
				t.Errorf("%d of %d urgent calls went, after up to %v", y.sent, y.asked, y.longest())
			}
		}
		if used := float64(len(c.arrivals)) / float64(4*cfg.Calls); used < 0.95 {
			t.Errorf("%.3f of the budget was used", used)
		}
	})
}

func TestSeveralUrgentCallsAtOncePassAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		done := make(chan struct{})
		go func() {
			playAll(s, c, pressure(10), 4*cfg.Window)
			close(done)
		}()
		for range 20 {
			time.Sleep(50 * time.Second)
			for i, wait := range together(s, c, 20) {
				if wait > time.Second {
					t.Errorf("urgent call %d waited %v", i, wait)
				}
			}
		}
		<-done
		c.mustHold(cfg)
	})
}

// together sends urgent calls of several tenants at once and tells their waits.
func together(s *budget.Scheduler, c *cloud, n int) []time.Duration {
	waits := make([]time.Duration, n)
	done := make(chan struct{})
	for i := range n {
		go func() {
			began := time.Now()
			permit, err := s.Acquire(c.t.Context(), budget.Ask{Tenant: name(i % 5), Urgent: true})
			if err != nil {
				c.t.Error(err)
			} else {
				waits[i] = time.Since(began)
				c.arrive(name(i % 5))
				permit.Done(budget.Result{Sent: true, Answered: true})
			}
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
	return waits
}

func TestFloodOfUrgentCallsStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		loads := []load{{ask: budget.Ask{Tenant: "flood", Urgent: true}, every: 50 * time.Millisecond, patience: 30 * time.Second}}
		loads = append(loads, pressure(3)...)
		loads = append(loads, load{ask: budget.Ask{Tenant: "careful", Urgent: true}, every: 10 * time.Second})
		tallies := playAll(s, c, loads, 3*cfg.Window)
		c.mustHold(cfg)
		total := float64(len(c.arrivals))
		for i := range 3 {
			if part := c.by[name(i)] / total; part < 0.9/4.4 {
				t.Errorf("%s got %.3f of all", name(i), part)
			}
		}
		if y := tallies[4]; y.sent != y.asked || y.longest() > time.Second {
			t.Errorf("another tenant's urgent calls: %d of %d went, after up to %v", y.sent, y.asked, y.longest())
		}
	})
}

func TestFloodAloneLeavesRoomForAnothersUrgentCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		loads := []load{
			{ask: budget.Ask{Tenant: "flood", Urgent: true}, every: 50 * time.Millisecond, patience: 30 * time.Second},
			{ask: budget.Ask{Tenant: "careful", Urgent: true}, every: 10 * time.Second},
		}
		tallies := playAll(s, c, loads, 3*cfg.Window)
		c.mustHold(cfg)
		if y := tallies[1]; y.sent != y.asked || y.longest() > time.Second {
			t.Errorf("another tenant's urgent calls: %d of %d went, after up to %v", y.sent, y.asked, y.longest())
		}
		if used := float64(len(c.arrivals)) / float64(3*cfg.Calls); used < 0.95 {
			t.Errorf("%.3f of the budget was used", used)
		}
	})
}
