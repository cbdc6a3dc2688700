package spending_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// TestWhoInheritsCountsSlotsThatAreOnTheirWay kills a replica that returned spent slots and spent more. The
// store refused the return, or the answer was lost.
func TestWhoInheritsCountsSlotsThatAreOnTheirWay(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]bool{"the store refused": false, "the answer was lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 1, 1200, 5*time.Minute)
				one := c.start()
				for range 590 {
					if !one.call("a") {
						t.Fatal("a call of a free budget is refused")
					}
				}
				one.failMoves(made)
				other := c.start()
				time.Sleep(3 * time.Second)
				if own := one.Of("main").State().Own; own > 1100 {
					t.Fatalf("the replica gave nothing back, it has %d slots", own)
				}
				// These calls write the checkpoint, between attempts to give slots back.
				for range 40 {
					one.call("a")
				}
				one.dies()
				time.Sleep(30 * time.Second)
				if got := other.Of("main").State(); got.Own != 1200 || got.Used < 590 {
					t.Errorf("who inherits has %d slots, and counts %d of 590 calls", got.Own, got.Used)
				}
				other.stop()
				c.mustHold()
			})
		})
	}
}

// TestALostAnswerLosesNoSlots lets a replica determine which of its commits took effect.
func TestALostAnswerLosesNoSlots(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]bool{"the store refused": false, "the answer was lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 1, 1200, 5*time.Minute)
				one := c.start()
				for range 300 {
					one.call("a")
				}
				// The other replica takes slots, and the first gives some back.
				one.failMoves(made)
				other := c.start()
				other.failMoves(made)
				time.Sleep(5 * time.Second)
				one.failing.Store(false)
				time.Sleep(5 * time.Second)
				other.failing.Store(false)
				time.Sleep(20 * time.Second)
				first, second := one.Of("main").State(), other.Of("main").State()
				if first.Own+second.Own != 1200 || first.Used+second.Used < 300 || second.Own < 300 {
					t.Errorf("the replicas have %d and %d slots, and count %d and %d of 300 calls", first.Own, second.Own, first.Used, second.Used)
				}
				one.stop()
				other.stop()
			})
		})
	}
}

// TestWhatALostReplicaMayStillSendCountsLonger: the replica may have been paused between the check of its
// lease and the send.
func TestWhatALostReplicaMayStillSendCountsLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, 1200, 5*time.Minute)
		one, other := c.start(), c.start()
		time.Sleep(20 * time.Second)
		one.call("a")
		one.dies()
		time.Sleep(20 * time.Second)
		if got := other.Of("main").State(); got.Own != 1200 || got.Used == 0 {
			t.Fatalf("who inherits has %+v", got)
		}
		time.Sleep(5*time.Minute + 30*time.Second)
		if got := other.Of("main").State().Used; got == 0 {
			t.Error("what the lost replica may still send is forgotten after a window")
		}
		time.Sleep(time.Minute)
		if got := other.Of("main").State().Used; got > 0 {
			t.Errorf("%d calls count for ever", got)
		}
		other.stop()
	})
}

// TestAStoreThatWasEmptiedIsNoFreshBudget empties the store under replicas that
// spend all that they get.
func TestAStoreThatWasEmptiedIsNoFreshBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, 100, time.Minute)
		one, other := c.start(), c.start()
		ctx, cancel := context.WithCancel(t.Context())
		c.wants(ctx, one, "a", 5)
		c.wants(ctx, other, "b", 5)
		time.Sleep(3 * time.Minute)
		c.store.mu.Lock()
		clear(c.store.kept)
		c.store.mu.Unlock()
		time.Sleep(3 * time.Minute)
		since := time.Now()
		time.Sleep(3 * time.Minute)
		if used := c.used(since); used < 0.9 {
			t.Errorf("afterwards %.3f of the budget was used", used)
		}
		cancel()
		one.stop()
		other.stop()
		c.all.Wait()
		c.mustHold()
	})
}

// TestABudgetOfAnotherSizeKeepsWhatWasSpent restarts with more and with fewer calls.
func TestABudgetOfAnotherSizeKeepsWhatWasSpent(t *testing.T) {
	t.Parallel()
	for _, calls := range []int{1000, 60, 40} {
		synctest.Test(t, func(t *testing.T) {
			c := spenders()
			c.Store, c.Calls = newMemory(), 100
			p := open(t, c)
			for range 50 {
				p.call(t, "main", "", fine())
			}
			must(t, p.Flush(t.Context()))
			c.Calls = calls
			p = open(t, c)
			got := p.Of("main").State()
			if want := min(50, calls); got.Own != calls || got.Used != want {
				t.Errorf("of %d calls %d are owned and %d spent, want %d", calls, got.Own, got.Used, want)
			}
			if _, err := p.Admit(t.Context(), read("main")); calls == 40 && fault.From(err).Reason != "BUDGET_SPENT" {
				t.Errorf("a call beyond a budget of 40 of which 50 are spent: %v", err)
			}
			must(t, p.Flush(t.Context()))
		})
	}
}
