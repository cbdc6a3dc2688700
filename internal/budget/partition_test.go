package budget_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// partitions are schedulers that share a budget evenly.
func partitions(t *testing.T, cfg budget.Config, n int) []*budget.Scheduler {
	t.Helper()
	cfg.Partitioned = true
	all := make([]*budget.Scheduler, n)
	for i := range all {
		all[i] = budget.New(cfg)
		all[i].SetElsewhere(budget.Elsewhere{Replicas: n})
		all[i].Grow(cfg.Calls*(i+1)/n-cfg.Calls*i/n, nil)
		t.Cleanup(all[i].Close)
	}
	return all
}

// owned is how many slots some schedulers own.
func owned(all []*budget.Scheduler) int {
	n := 0
	for _, s := range all {
		n += s.State().Own
	}
	return n
}

// TestPartitionsTogetherKeepTheBudget moves slots at random between schedulers, with a delay, and sometimes
// drops all slots of a scheduler.
func TestPartitionsTogetherKeepTheBudget(t *testing.T) {
	for range 6 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 2))
			cfg := budget.Config{Calls: 40 + r.IntN(400), Window: time.Duration(5+r.IntN(100)) * time.Second, PerSecond: r.IntN(2) * 300}
			all := partitions(t, cfg, 2+r.IntN(4))
			c := newCloud(t, cfg)
			fair := cfg.Window / time.Duration(cfg.Calls)
			var plays sync.WaitGroup
			for i, s := range all {
				l := load{
					ask: budget.Ask{Tenant: name(i % 2), Urgent: r.IntN(5) == 0}, every: time.Duration(float64(fair) * (0.3 + 2*r.Float64())),
					patience: 20 * time.Second, slowest: time.Duration(r.Float64() * float64(min(cfg.Window/2, 10*time.Second))), lossy: r.IntN(2) == 0,
				}
				plays.Go(func() { play(s, c, l, 6*cfg.Window, uint64(i)) })
			}
			for time.Since(c.start) < 6*cfg.Window {
				from, to := all[r.IntN(len(all))], all[r.IntN(len(all))]
				slots, spent := from.Shrink(r.IntN(cfg.Calls))
				time.Sleep(time.Duration(r.Int64N(int64(cfg.Window / 50))))
				to.Grow(slots, spent)
				time.Sleep(time.Duration(r.Int64N(int64(cfg.Window / 20))))
			}
			plays.Wait()
			if got := owned(all); got != cfg.Calls {
				t.Errorf("%d slots are owned, of %d", got, cfg.Calls)
			}
			c.mustHold(cfg)
		})
	}
}

func TestSlotsThatMoveTakeTheirCallsAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		all := partitions(t, cfg, 2)
		for i := range 300 {
			spend(all[0], budget.Ask{Tenant: name(i), Urgent: true})
		}
		used := all[0].State().Used
		slots, spent := all[0].Shrink(300)
		moved := 0
		for _, one := range spent {
			moved += one.Slots
		}
		if slots != 300 || moved != used/2 && moved != used/2+1 {
			t.Errorf("%d slots moved with %d of %d calls, want half of both", slots, moved, used)
		}
		if got := all[0].State(); got.Own != 300 || got.Used != used-moved {
			t.Errorf("%+v stays", got)
		}
		all[1].Grow(slots, spent)
		if got := all[1].State(); got.Own != 900 || got.Used != moved {
			t.Errorf("%+v came", got)
		}
		time.Sleep(cfg.Window + cfg.Window/100)
		if got := all[1].State().Used; got != 0 {
			t.Errorf("%d calls count after a window", got)
		}
	})
}

func TestSlotsOfCallsUnderWayStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		s := partitions(t, cfg, 1)[0]
		for range 10 {
			if _, err := s.Acquire(t.Context(), budget.Ask{Urgent: true}); err != nil {
				t.Fatal(err)
			}
		}
		if slots, spent := s.Shrink(cfg.Calls); slots != cfg.Calls-10 || len(spent) > 0 {
			t.Errorf("%d slots move, and %v of them are spent", slots, spent)
		}
		if _, err := s.Acquire(t.Context(), budget.Ask{Urgent: true, Deadline: time.Now().Add(time.Minute)}); err == nil {
			t.Error("a call beyond the own slots")
		}
	})
}

func TestAPartitionThatWasLostSpendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := partitions(t, cloudflare(), 1)[0]
		spend(s, budget.Ask{})
		s.Drop()
		if got := s.State(); got.Own != 0 || got.Used != 0 {
			t.Errorf("%+v is left", got)
		}
		if _, err := s.Acquire(t.Context(), budget.Ask{Deadline: time.Now().Add(time.Minute)}); err == nil {
			t.Error("it still spends")
		}
	})
}

func TestACallIsWorthWaitingForWhereOthersHaveFreeSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		cfg.Growth = 3 * time.Second
		all := partitions(t, cfg, 2)
		all[0].Shrink(cfg.Calls)
		ask := budget.Ask{Tenant: "a", Deadline: time.Now().Add(10 * time.Second)}
		if all[0].Check(t.Context(), ask) == nil {
			t.Error("a call waits for slots that nobody has")
		}
		all[0].SetElsewhere(budget.Elsewhere{Coming: 500, Replicas: 2})
		go func() {
			time.Sleep(2 * time.Second)
			all[0].Grow(all[1].Shrink(100))
		}()
		permit, err := all[0].Acquire(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		permit.Done(answered)
	})
}
