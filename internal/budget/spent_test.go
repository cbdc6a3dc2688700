package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// TestALaterLifeKnowsWhatWasSpent restarts a scheduler in the middle of a window.
func TestALaterLifeKnowsWhatWasSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := budget.New(budget.Config{Calls: 100, Window: time.Minute})
		var ends []time.Time
		for range 40 {
			permit, err := first.Acquire(t.Context(), budget.Ask{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			permit.Done(budget.Result{Sent: true, Answered: true})
			ends = append(ends, time.Now())
		}
		inFlight, err := first.Acquire(t.Context(), budget.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		ended, underWay := first.Spent()
		inFlight.Done(budget.Result{Sent: true, Answered: true})
		first.Close()

		second := budget.New(budget.Config{Calls: 100, Window: time.Minute})
		defer second.Close()
		second.Spend(ended)
		if underWay != 1 {
			t.Errorf("%d calls are under way, want 1", underWay)
		}
		if used := second.State().Used; used != 40 {
			t.Errorf("%d permits are spent, want 40", used)
		}
		time.Sleep(time.Until(ends[len(ends)/2].Add(time.Minute)))
		if used := second.State().Used; used < 20 || used > 24 {
			t.Errorf("%d permits are spent in the middle, want about 20 and never fewer", used)
		}
		time.Sleep(time.Minute)
		if used := second.State().Used; used != 0 {
			t.Errorf("%d permits are spent after all, want 0", used)
		}
	})
}
