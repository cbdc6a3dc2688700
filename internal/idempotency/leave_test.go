package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

type traceKey struct{}

func TestAChangeGoesOnWithoutItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), traceKey{}, "trace"))
		first := r.run(ctx, on(keyed("k", "a"), "o"), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			answer := r.world.act(op, "a")
			time.Sleep(time.Second)
			deadline, ok := ctx.Deadline()
			if ctx.Err() != nil || ctx.Value(traceKey{}) != "trace" || !ok || time.Until(deadline) != 89*time.Second {
				t.Errorf("the operation's context: %v", ctx)
			}
			return answer, nil
		})
		synctest.Wait()
		leave()
		want(t, first, "CANCELED", false)
		want(t, r.do(t.Context(), on(keyed("k", "a"), "o")), "a number 1", true)
		nothingOpen(t, d)
	})
}

func TestACallThatHasEndedAlreadyDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := life(t, newDisk(), newWorld(), nil)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		want(t, r.do(ctx, keyed("k", "a")), "CANCELED", false)
		if r.world.count("a") != 0 {
			t.Error("it was made")
		}
	})
}

func TestWhenAChangeIsWanted(t *testing.T) {
	const never = time.Hour
	for name, test := range map[string]struct {
		first, second, joins time.Duration
		ends                 time.Duration
	}{
		"the only one leaves":            {first: time.Second, joins: never, ends: time.Second},
		"both leave":                     {first: time.Second, second: 2 * time.Second, ends: 2 * time.Second},
		"the second leaves first":        {first: 2 * time.Second, second: time.Second, ends: 2 * time.Second},
		"one stays":                      {first: time.Second, second: never, ends: never},
		"one comes after the first left": {first: time.Second, joins: 2 * time.Second, second: never, ends: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := life(t, newDisk(), newWorld(), nil)
				began, ended := time.Now(), never
				call := func(after, stay time.Duration) {
					time.Sleep(after)
					ctx, leave := context.WithCancel(t.Context())
					defer time.AfterFunc(stay, leave).Stop()
					defer leave()
					_, _ = r.Do(ctx, new(keyed("k", "a")), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
						select {
						case <-op.Wanted.Done():
							ended = time.Since(began)
						case <-time.After(10 * time.Second):
						}
						return nil, nil
					})
				}
				go call(0, test.first)
				synctest.Wait()
				if test.joins != never {
					go call(test.joins, test.second)
				}
				time.Sleep(30 * time.Second)
				synctest.Wait()
				if ended != test.ends {
					t.Errorf("wanted for %s, want %s", ended, test.ends)
				}
			})
		})
	}
}

func TestAChangeIsWantedUntilTheFirstDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		patient := func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			deadline, _ := ctx.Deadline()
			if wanted, ok := op.Wanted.Deadline(); !ok || !wanted.Before(deadline) {
				t.Error("the caller's deadline is not known")
			}
			<-op.Wanted.Done()
			return nil, fault.From(op.Wanted.Err())
		}
		first := r.run(ctx, keyed("k", "a"), patient)
		synctest.Wait()
		second := r.do(t.Context(), keyed("k", "a"))
		want(t, first, "DEADLINE_EXCEEDED", false)
		// Nothing was sent, so the call that joined makes the change.
		want(t, second, "a number 1", false)
		nothingOpen(t, d)
	})
}
