package guarantees_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

// upsets returns the faults of Cloudflare. Each affects a few of the calls.
func upsets() []emulator.Fault {
	var faults []emulator.Fault
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		for _, f := range []emulator.Fault{
			{Kind: emulator.KindCut},
			{Kind: emulator.KindCut, AfterCommit: true},
			{Kind: emulator.KindStatus, Status: 502},
			{Kind: emulator.KindStatus, Status: 500, AfterCommit: true},
			{Kind: emulator.KindStatus, Status: 520, ContentType: "text/html", AfterCommit: true},
			{Kind: emulator.KindTruncate},
			{Kind: emulator.KindCutMidBody},
		} {
			f.Method, f.Probability = method, 0.02
			faults = append(faults, f)
		}
	}
	return append(faults,
		emulator.Fault{Kind: emulator.KindDelay, Delay: 20 * time.Millisecond, Probability: 0.05},
		emulator.Fault{Kind: emulator.KindDelay, Delay: 40 * time.Millisecond, Probability: 0.05, AfterCommit: true},
		emulator.Fault{Kind: emulator.KindCut, Method: "GET", Probability: 0.03},
		emulator.Fault{Kind: emulator.KindStatus, Status: 503, Method: "GET", Probability: 0.03},
	)
}

func (w *world) inject(faults ...emulator.Fault) {
	w.t.Helper()
	if err := w.cf.Inject(faults...); err != nil {
		w.t.Fatal(err)
	}
}

func TestAHistoryWithLostAnswersIsLinearizable(t *testing.T) {
	t.Parallel()
	w := build(t, plan{replicas: 1, callers: 6})
	w.inject(upsets()...)
	c := newCrowd(w, 6, 10*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), length(t, 8*time.Second))
	defer cancel()
	c.play(ctx, time.Second)
	c.check(t)
}

func TestAHistoryWithKillsIsLinearizable(t *testing.T) {
	t.Parallel()
	w := build(t, plan{replicas: 1, callers: 6})
	w.inject(upsets()...)
	c := newCrowd(w, 6, 20*time.Second)
	c.killed = true
	ctx, cancel := context.WithTimeout(t.Context(), length(t, 10*time.Second))
	defer cancel()
	killing := kill(ctx, 2500*time.Millisecond, w.replicas...)
	c.play(ctx, 2*time.Second)
	t.Logf("the program was killed %d times", killing())
	c.check(t)
}

// kill kills and restarts one replica after the other until ctx ends, with a pause
// before each. The returned function waits for the end and returns the number of kills.
func kill(ctx context.Context, rest time.Duration, replicas ...*fleet.Replica) func() int {
	times := 0
	return again(ctx, rest, func() {
		r := replicas[times%len(replicas)]
		r.Kill()
		r.Restart()
		times++
	})
}

// again does something until ctx ends, with a pause before each time. The returned
// function waits for the end and returns how many times it was done. The pause begins
// at the end of a restart, which takes seconds on a busy machine: a program that is
// always killed before it has reconciled the changes of its last life makes none.
func again(ctx context.Context, rest time.Duration, do func()) func() int {
	var done sync.WaitGroup
	times := 0
	done.Go(func() {
		for ; ; times++ {
			pause(ctx, rest)
			if ctx.Err() != nil {
				return
			}
			do()
		}
	})
	return func() int {
		done.Wait()
		return times
	}
}

// lastingFor returns a context that ends after a while, and not before the test has
// enough, for which it waits a takeover at most: a busy machine may need all the
// time for the start.
func lastingFor(ctx context.Context, while time.Duration, enough func() bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		pause(ctx, while)
		for end := time.Now().Add(takeover); ctx.Err() == nil && time.Now().Before(end) && !enough(); {
			pause(ctx, 20*time.Millisecond)
		}
	}()
	return ctx, cancel
}
