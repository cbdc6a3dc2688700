package load_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/test/bench/load"
)

func TestAClosedLoopKeepsItsLimitAndItsWorkers(t *testing.T) {
	var now, most, calls atomic.Int64
	r := load.Closed(t.Context(), load.Plan{Workers: 4, Length: time.Minute, Limit: 100}, func(_ context.Context, worker, _ int) error {
		if worker < 0 || worker >= 4 {
			t.Errorf("there is no worker %d", worker)
		}
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		calls.Add(1)
		now.Add(-1)
		return nil
	})
	if r.Done != 100 || calls.Load() != 100 || len(r.Waits) != 100 {
		t.Errorf("%d calls were made, %d are counted, %d are timed", calls.Load(), r.Done, len(r.Waits))
	}
	if most.Load() > 4 {
		t.Errorf("%d calls ran at once", most.Load())
	}
}

func TestAClosedLoopEndsWithItsLength(t *testing.T) {
	r := load.Closed(t.Context(), load.Plan{Workers: 2, Length: 20 * time.Millisecond}, func(context.Context, int, int) error {
		time.Sleep(time.Millisecond)
		return nil
	})
	if r.Done == 0 || r.Elapsed < 20*time.Millisecond {
		t.Errorf("%d calls in %s", r.Done, r.Elapsed)
	}
}

func TestAClosedLoopGoesOnUntilThereAreEnoughCalls(t *testing.T) {
	call := func(context.Context, int, int) error {
		time.Sleep(time.Millisecond)
		return nil
	}
	for name, c := range map[string]struct {
		plan load.Plan
		want int
	}{
		"beyond its length":    {load.Plan{Workers: 3, Length: time.Nanosecond, Least: 50}, 50},
		"not beyond its limit": {load.Plan{Workers: 3, Length: time.Nanosecond, Least: 50, Limit: 20}, 20},
	} {
		if r := load.Closed(t.Context(), c.plan, call); r.Done != c.want {
			t.Errorf("%s: %d calls, want %d", name, r.Done, c.want)
		}
	}
}

func TestWhatIsCutCountsNeitherWay(t *testing.T) {
	r := load.Closed(t.Context(), load.Plan{Workers: 3, Length: 10 * time.Millisecond, Cut: true}, func(ctx context.Context, _, _ int) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if r.Done+r.Failed+r.Refused != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestOutcomesAreToldApart(t *testing.T) {
	broken := errors.New("broken")
	outcomes := []error{nil, load.ErrRefused, errors.Join(load.ErrRefused, load.ErrNoHint), broken, nil}
	r := load.Closed(t.Context(), load.Plan{Workers: 1, Length: time.Minute, Limit: len(outcomes)}, func(_ context.Context, _, n int) error { return outcomes[n] })
	if r.Done != 2 || r.Refused != 2 || r.Unhinted != 1 || r.Failed != 1 || !errors.Is(r.First, broken) {
		t.Errorf("got %+v", r)
	}
	if len(r.Waits) != 2 || len(r.Refusals) != 2 {
		t.Errorf("%d calls and %d refusals are timed", len(r.Waits), len(r.Refusals))
	}
}

// A stall of one call must show in the calls that should have begun during the stall.
func TestAnOpenLoopCountsFromWhenACallShouldHaveBegun(t *testing.T) {
	var turn sync.Mutex
	stall := 50 * time.Millisecond
	r := load.Open(t.Context(), load.Plan{Workers: 8, Length: 20 * time.Millisecond, Rate: 1000}, func(_ context.Context, worker, n int) error {
		turn.Lock()
		defer turn.Unlock()
		if worker == 0 && n == 0 {
			time.Sleep(stall)
		}
		return nil
	})
	if r.Done != 20 {
		t.Fatalf("%d calls were made", r.Done)
	}
	late := 0
	for _, w := range r.Waits {
		if w > stall/2 {
			late++
		}
	}
	if late < 10 {
		t.Errorf("only %d of %d calls show the stall", late, r.Done)
	}
}

func TestAnOpenLoopBeginsWhenItIsTold(t *testing.T) {
	var mu sync.Mutex
	var begun []int
	times := []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 20 * time.Millisecond}
	r := load.Open(t.Context(), load.Plan{Workers: 2, Times: times}, func(_ context.Context, worker, n int) error {
		mu.Lock()
		defer mu.Unlock()
		begun = append(begun, worker+2*n)
		return nil
	})
	if len(begun) != 4 || r.Elapsed < times[3] {
		t.Errorf("%v in %s", begun, r.Elapsed)
	}
}

func TestALoopEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(context.Context, int, int) error {
		t.Error("a call was made")
		return nil
	}
	load.Closed(ctx, load.Plan{Workers: 2, Length: time.Minute}, never)
	load.Open(ctx, load.Plan{Workers: 2, Length: time.Second, Rate: 10}, never)
}
