package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// jain returns Jain's index of fairness: 1 if all parts are equal.
func jain(parts []float64) float64 {
	var sum, squares float64
	for _, p := range parts {
		sum += p
		squares += p * p
	}
	return sum * sum / (float64(len(parts)) * squares)
}

// crowd has a hog that asks for 50 times its share, and polite tenants that ask for 0.9 of theirs.
func crowd(cfg budget.Config, polite int) []load {
	fair := cfg.Window * time.Duration(polite+1) / time.Duration(cfg.Calls)
	loads := []load{{ask: budget.Ask{Tenant: "hog"}, every: fair / 50}}
	for i := range polite {
		loads = append(loads, load{ask: budget.Ask{Tenant: name(i)}, every: fair * 10 / 9})
	}
	for i := range loads {
		loads[i].patience, loads[i].slowest = 30*time.Second, time.Second
	}
	return loads
}

func TestHogTakesNothingFromPoliteTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		tallies := playAll(s, c, crowd(cfg, 20), 4*cfg.Window)
		c.mustHold(cfg)
		mustBeFair(t, c, tallies, 4*float64(cfg.Calls)/21)
		if used := float64(len(c.arrivals)) / float64(4*cfg.Calls); used < 0.95 {
			t.Errorf("%.3f of the budget was used", used)
		}
	})
}

// mustBeFair checks that each polite tenant of a crowd got at least 0.9 of its demand, or of its fair share
// if less, and that all got about the same.
func mustBeFair(t *testing.T, c *cloud, tallies []*tally, fair float64) {
	t.Helper()
	var parts []float64
	for i, y := range tallies[1:] {
		part := c.by[name(i)] / min(float64(y.asked), fair)
		parts = append(parts, part)
		if part < 0.9 {
			t.Errorf("%s got %.3f of what it is due", name(i), part)
		}
	}
	t.Logf("Jain index %.4f, hog %.0f, waits up to %v", jain(parts), c.by["hog"], tallies[1].longest())
	if index := jain(parts); index < 0.95 {
		t.Errorf("Jain index %.3f, want at least 0.95", index)
	}
}

func TestBacklogsAreServedByWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		cfg.Weight = func(tenant string) float64 {
			return map[string]float64{name(0): 1, name(1): 2, name(2): 3, name(3): -1}[tenant]
		}
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		var loads []load
		for i := range 4 {
			loads = append(loads, load{
				ask: budget.Ask{Tenant: name(i)}, every: 200 * time.Millisecond, patience: 20 * time.Second,
			})
		}
		// At first no ask waits, so there are no shares.
		play(s, c, loads[0], cfg.Window, 9)
		clear(c.by)
		playAll(s, c, loads, 3*cfg.Window)
		c.mustHold(cfg)
		total := c.by[name(0)] + c.by[name(1)] + c.by[name(2)] + c.by[name(3)]
		for i, want := range []float64{1. / 7, 2. / 7, 3. / 7, 1. / 7} {
			if got := c.by[name(i)] / total; got < 0.95*want || got > 1.05*want {
				t.Errorf("%s got %.3f of all, want %.3f", name(i), got, want)
			}
		}
	})
}

func TestIdleShareGoesToWhoeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		busy := load{ask: budget.Ask{Tenant: "busy"}, every: 50 * time.Millisecond, patience: 10 * time.Second}
		rare := load{ask: budget.Ask{Tenant: "rare"}, every: 30 * time.Second, patience: 10 * time.Second}
		tallies := playAll(s, c, []load{busy, rare}, 3*cfg.Window)
		c.mustHold(cfg)
		if used := float64(len(c.arrivals)) / float64(3*cfg.Calls); used < 0.95 {
			t.Errorf("%.3f of the budget was used", used)
		}
		if y := tallies[1]; y.sent != y.asked || y.longest() > 2*time.Second {
			t.Errorf("the rare tenant got %d of %d, after up to %v", y.sent, y.asked, y.longest())
		}
	})
}

func TestQuietTimeEarnsNoCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := cloudflare()
		s := budget.New(cfg)
		defer s.Close()
		c := newCloud(t, cfg)
		greedy := func(i int) load {
			return load{ask: budget.Ask{Tenant: name(i)}, every: 100 * time.Millisecond, patience: 10 * time.Second}
		}
		done := make(chan struct{})
		go func() {
			play(s, c, greedy(0), 3*cfg.Window, 1)
			close(done)
		}()
		// The second tenant calls now and then, so that the scheduler never forgets the tenant.
		rare := load{ask: budget.Ask{Tenant: name(1)}, every: 50 * time.Second}
		play(s, c, rare, 2*cfg.Window, 5)
		before, rarely := c.of(name(0)), c.of(name(1))
		play(s, c, greedy(1), 3*cfg.Window, 2)
		<-done
		first, second := c.of(name(0))-before, c.of(name(1))-rarely
		if first < 0.95*second || second < 0.95*first {
			t.Errorf("after it came, the first got %.0f and the second %.0f", first, second)
		}
	})
}
