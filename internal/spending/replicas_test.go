package spending_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestReplicasTogetherNeverSpendMoreThanTheBudget lets random replicas start, stop,
// be killed and stand still, with a store that goes away and loses answers.
func TestReplicasTogetherNeverSpendMoreThanTheBudget(t *testing.T) {
	t.Parallel()
	for range 8 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
		})
	}
}

func chaos(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 3))
	window := time.Duration(20+r.IntN(100)) * time.Second
	c := newCluster(t, seed, 40+r.IntN(400), window)
	c.slowest = time.Duration(1 + r.Int64N(int64(8*time.Second)))
	c.cfg.PerSecond = r.IntN(2) * (50 + r.IntN(100))
	c.lossy.Store(r.IntN(2) == 0)
	ctx, cancel := context.WithCancel(t.Context())
	var alive []*replica
	begin := func() {
		one := c.start()
		alive = append(alive, one)
		for tenant := range 1 + r.IntN(3) {
			c.wants(ctx, one, fmt.Sprint("tenant", tenant), 2+r.IntN(6))
		}
	}
	for range 1 + r.IntN(10) {
		begin()
	}
	var kinds []string
	for range 40 {
		time.Sleep(time.Duration(r.Int64N(int64(window / 4))))
		i := r.IntN(len(alive))
		switch kind := r.IntN(7); {
		case kind == 0 && len(alive) > 1:
			alive[i].dies()
			alive = slices.Delete(alive, i, i+1)
			kinds = append(kinds, "kill")
		case kind == 1 && len(alive) > 1:
			alive[i].stop()
			alive = slices.Delete(alive, i, i+1)
			kinds = append(kinds, "stop")
		case kind == 2 && len(alive) < 10:
			begin()
			kinds = append(kinds, "start")
		case kind == 3:
			// The pause is at most the time that straggle allows between check and send.
			alive[i].pause(time.Duration(1 + r.Int64N(int64(min(window, time.Minute)-2*time.Second))))
			kinds = append(kinds, "pause")
		case kind == 4 && !c.away.Load():
			c.away.Store(true)
			time.AfterFunc(time.Duration(1+r.Int64N(int64(40*time.Second))), func() { c.away.Store(false) })
			kinds = append(kinds, "away")
		}
	}
	time.Sleep(2 * time.Minute)
	cancel()
	for _, one := range alive {
		one.stop()
	}
	c.all.Wait()
	t.Logf("%d calls in %v, at most %d of %d in a window of %v; %v", len(c.arrivals), time.Since(c.begun), c.worst(window), c.cfg.Calls, window, kinds)
	if len(c.arrivals) < 40 {
		t.Error("there was hardly any load")
	}
	c.mustHold()
}

func TestOneBusyReplicaOfManyGetsNearlyTheWholeBudgetWithinSeconds(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 10} {
		t.Run(fmt.Sprint(n, " replicas"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 1, 1200, 5*time.Minute)
				var all []*replica
				for range n {
					all = append(all, c.start())
				}
				time.Sleep(20 * time.Second)
				for i, one := range all {
					if own := one.Of("main").State().Own; own < 1200/n*7/8 {
						t.Errorf("idle replica %d of %d has %d slots", i, n, own)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				busy := all[n/2]
				c.wants(ctx, busy, "a", 20)
				begun := time.Now()
				for busy.Of("main").State().Own < 1200*95/100 && time.Since(begun) < time.Minute {
					time.Sleep(100 * time.Millisecond)
				}
				t.Logf("%d replicas: 95 %% of the budget after %v", n, time.Since(begun))
				if took := time.Since(begun); took > 6*time.Second && n > 1 {
					t.Errorf("the busy replica has 95 %% of the budget after %v", took)
				}
				time.Sleep(5 * time.Minute)
				since := time.Now()
				time.Sleep(10 * time.Minute)
				if used := c.used(since); used < 0.95 {
					t.Errorf("the busy replica used %.3f of the budget", used)
				}
				cancel()
				for _, one := range all {
					one.stop()
				}
				c.all.Wait()
				c.mustHold()
			})
		})
	}
}

// jain is the index of fairness.
func jain(shares []float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(shares)) * squares)
}

func TestTenantsThatAreSpreadUnevenlyShareTheBudgetEvenly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, 1200, 5*time.Minute)
		all := []*replica{c.start(), c.start(), c.start()}
		ctx, cancel := context.WithCancel(t.Context())
		var tenants []string
		load := func(one *replica, i int) {
			// Most tenants ask at the first replica, some at all of them.
			for n := range 12 {
				if n%4 == 0 || i == 0 || i == 1 && n%3 == 0 {
					c.wants(ctx, one, fmt.Sprint("tenant", n), 2+n)
				}
			}
		}
		for n := range 12 {
			tenants = append(tenants, fmt.Sprint("tenant", n))
		}
		phase := func(what string) {
			// After a window, earlier calls do not count.
			time.Sleep(5*time.Minute + 30*time.Second)
			c.mu.Lock()
			clear(c.by)
			c.mu.Unlock()
			since := time.Now()
			time.Sleep(10 * time.Minute)
			var shares []float64
			c.mu.Lock()
			for _, name := range tenants {
				shares = append(shares, float64(c.by[name]))
			}
			c.mu.Unlock()
			used := c.used(since)
			t.Logf("%s: %.3f of the budget was used, Jain index %.3f", what, used, jain(shares))
			if used < 0.95 || jain(shares) < 0.95 {
				t.Errorf("%s: %.3f of the budget was used, Jain index %.3f: %v", what, used, jain(shares), shares)
			}
		}
		for i, one := range all {
			load(one, i)
		}
		// The first calls come in a burst, which is spaced evenly after some windows.
		time.Sleep(10 * time.Minute)
		phase("three replicas")
		all[2].stop()
		phase("one left")
		all[2] = c.start()
		load(all[2], 2)
		phase("one joined")
		all[1].dies()
		phase("one was killed")
		c.away.Store(true)
		time.Sleep(30 * time.Second)
		c.away.Store(false)
		phase("the store was away")
		cancel()
		all[0].stop()
		all[2].stop()
		c.all.Wait()
		c.mustHold()
	})
}

// TestDemandThatIsRefusedMovesSlots has callers that hardly wait.
func TestDemandThatIsRefusedMovesSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 5, 450, 15*time.Second)
		c.cfg.MaxWait = 100 * time.Millisecond
		busy, other := c.start(), c.start()
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 20 {
			c.wants(ctx, busy, fmt.Sprint("tenant", i), 1)
		}
		time.Sleep(30 * time.Second)
		since := time.Now()
		time.Sleep(time.Minute)
		if used := c.used(since); used < 0.9 {
			t.Errorf("%.3f of the budget was used", used)
		}
		cancel()
		busy.stop()
		other.stop()
		c.all.Wait()
		c.mustHold()
	})
}

func TestAReplicaThatCannotRenewItsLeaseStopsSpending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, 1200, 5*time.Minute)
		one, other := c.start(), c.start()
		time.Sleep(20 * time.Second)
		if !one.call("a") || !other.call("a") {
			t.Fatal("the replicas do not spend")
		}
		one.pause(30 * time.Second)
		time.Sleep(20 * time.Second)
		if own := other.Of("main").State().Own; own != 1200 {
			t.Errorf("the other replica has %d slots while one stands still", own)
		}
		if other.Of("main").State().Used < 2 {
			t.Error("what the paused replica spent is forgotten")
		}
		if one.Held() == nil {
			t.Error("the paused replica would still spend")
		}
		time.Sleep(30 * time.Second)
		if !one.call("a") {
			t.Error("the replica does not come back")
		}
		c.away.Store(true)
		time.Sleep(10 * time.Second)
		if one.call("a") || other.call("a") {
			t.Error("a replica spends without the store")
		}
		c.away.Store(false)
		time.Sleep(5 * time.Second)
		if !one.call("a") || !other.call("a") {
			t.Error("the replicas do not go on when the store is back")
		}
		one.stop()
		other.stop()
		c.mustHold()
	})
}

func TestIdleReplicasAskTheStoreSeldomHoweverManyBudgetsThereAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4, 1200, 5*time.Minute)
		for i := range 200 {
			c.cfg.Accounts = append(c.cfg.Accounts, account(i))
		}
		all := []*replica{c.start(), c.start(), c.start()}
		time.Sleep(time.Minute)
		before := c.asked.Load()
		time.Sleep(time.Minute)
		perSecond := float64(c.asked.Load()-before) / 60 / float64(len(all))
		t.Logf("%.2f statements a second and replica, with %d budgets", perSecond, len(c.cfg.Accounts))
		if perSecond > 2 {
			t.Errorf("an idle replica asks the store %.2f times a second", perSecond)
		}
		for _, one := range all {
			one.stop()
		}
	})
}
