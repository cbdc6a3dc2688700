package idempotency_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

func TestAStoreThatIsAwayAtTheOutcome(t *testing.T) {
	for name, test := range map[string]struct {
		cut, deaf bool
		away      time.Duration
		run       func(r *replica) func(ctx context.Context, op *idempotency.Operation) ([]byte, error)
		want      string
		later     string
		replayed  bool
	}{
		"for a moment":                    {true, false, 10 * time.Second, acting, "a number 1", "a number 1", true},
		"after it wrote":                  {false, true, 10 * time.Second, acting, "a number 1", "a number 1", true},
		"for longer than the limit":       {true, false, 3 * time.Minute, acting, "STATE_UNAVAILABLE", "a number 1", true},
		"with a refusal for a moment":     {true, false, 10 * time.Second, refusing(fault.NameTaken), "REASON", "REASON", true},
		"with a change that was not made": {true, false, 10 * time.Second, refusing(fault.Throttled), "REASON", "a number 1", false},
	} {
		for where, edit := range map[string]func(*idempotency.Config){"alone": nil, "together": together} {
			t.Run(name+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDisk()
					r := life(t, d, newWorld(), edit)
					run := test.run(r)
					first := r.run(t.Context(), on(keyed("k", "a"), "o"), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
						r.link.set(test.cut, test.deaf)
						time.AfterFunc(test.away, func() { r.link.set(false, false) })
						return run(ctx, op)
					})
					want(t, first, test.want, false)
					time.Sleep(4 * time.Minute)
					want(t, r.do(t.Context(), on(keyed("k", "a"), "o")), test.later, test.replayed)
					nothingOpen(t, d)
				})
			})
		}
	}
}

func acting(r *replica) func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
	return func(_ context.Context, op *idempotency.Operation) ([]byte, error) { return r.world.act(op, "a"), nil }
}

func refusing(k fault.Kind) func(*replica) func(context.Context, *idempotency.Operation) ([]byte, error) {
	return func(*replica) func(context.Context, *idempotency.Operation) ([]byte, error) {
		return func(context.Context, *idempotency.Operation) ([]byte, error) { return nil, fault.New(k, "REASON", "x") }
	}
}

func TestNothingIsAnsweredBeforeItIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		first := r.run(t.Context(), keyed("k", "a"), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			r.link.set(true, false)
			return r.world.act(op, "a"), nil
		})
		time.Sleep(time.Minute)
		pending(t, first)
		if r.seen(idempotency.EventUnrecorded) == 0 {
			t.Error("no event tells of it")
		}
		r.link.set(false, false)
		want(t, first, "a number 1", false)
	})
}

// TestOthersHearOfAChangeBeforeItsCaller: if the commit of the outcome is late, the function Kept still runs
// before the caller gets its answer.
func TestOthersHearOfAChangeBeforeItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		var first <-chan ended
		r := life(t, newDisk(), newWorld(), func(c *idempotency.Config) {
			c.Kept = func(context.Context) {
				if len(first) > 0 {
					t.Error("the caller was answered before others were told")
				}
				told.Add(1)
			}
		})
		first = r.run(t.Context(), keyed("k", "a"), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			r.link.set(true, false)
			return r.world.act(op, "a"), nil
		})
		time.Sleep(time.Minute)
		if told.Load() > 0 {
			t.Error("others were told before the outcome was kept")
		}
		r.link.set(false, false)
		want(t, first, "a number 1", false)
		if told.Load() != 1 {
			t.Errorf("others were told %d times", told.Load())
		}
	})
}

func TestAStoreThatIsAwayAtTheIntent(t *testing.T) {
	for name, test := range map[string]struct{ cut, deaf bool }{
		"before it wrote": {true, false},
		"after it wrote":  {false, true},
	} {
		for _, away := range []time.Duration{time.Second, time.Minute} {
			t.Run(name+" for "+away.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDisk()
					r := life(t, d, newWorld(), func(c *idempotency.Config) {
						l, _ := c.Store.(*link)
						once := false
						c.Step = func(_ context.Context, s idempotency.Step) {
							if s == idempotency.StepIntent && !once {
								once = true
								l.set(test.cut, test.deaf)
								time.AfterFunc(away, func() { l.set(false, false) })
							}
						}
					})
					began := time.Now()
					want(t, r.do(t.Context(), on(keyed("k", "a"), "o")), "STATE_UNAVAILABLE", false)
					if test.cut {
						want(t, r.do(t.Context(), on(plain("b"), "o")), "STATE_UNAVAILABLE", false)
					}
					if time.Since(began) > time.Second {
						t.Error("it was refused late")
					}
					if r.world.count("a") != 0 {
						t.Error("it was made without an intent")
					}
					time.Sleep(away + 10*time.Second)
					nothingOpen(t, d)
					want(t, r.do(t.Context(), on(keyed("k", "a"), "o")), "a number 1", false)
				})
			})
		}
	}
}

func TestCallsWithoutTheStoreAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := life(t, newDisk(), newWorld(), nil)
		slow := r.run(t.Context(), keyed("k", "a"), r.slow("a", 20*time.Second))
		synctest.Wait()
		r.link.set(true, false)
		for _, c := range []idempotency.Call{keyed("l", "b"), plain("b"), again(plain("b")), on(plain("b"), "o")} {
			want(t, r.do(t.Context(), c), "STATE_UNAVAILABLE", false)
		}
		if n, err := r.Open(t.Context()); err == nil {
			t.Errorf("%d open", n)
		}
		r.link.set(false, false)
		if n, err := r.Open(t.Context()); err != nil || n != 1 {
			t.Errorf("%d open, %v", n, err)
		}
		want(t, slow, "a number 1", false)
	})
}

func TestWhoWaitsOnAnotherReplicaBearsAPauseOfTheStore(t *testing.T) {
	for name, test := range map[string]struct {
		away time.Duration
		want string
	}{
		"a short one": {3 * time.Second, "a number 1"},
		"a long one":  {30 * time.Second, "STATE_UNAVAILABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, w := newDisk(), newWorld()
				one, two := life(t, d, w, together), life(t, d, w, together)
				first := one.run(t.Context(), keyed("k", "a"), one.slow("a", 5*time.Second))
				synctest.Wait()
				second := two.do(t.Context(), keyed("k", "a"))
				time.Sleep(time.Second)
				two.link.set(true, false)
				time.AfterFunc(test.away, func() { two.link.set(false, false) })
				e := <-second
				if e.String() != test.want {
					t.Errorf("answered %q", e)
				}
				want(t, first, "a number 1", false)
			})
		})
	}
}

func TestARecordThatCannotBeReadHidesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		first := life(t, d, w, nil)
		got := first.run(t.Context(), on(keyed("k", "a"), "o"), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			w.act(op, "a")
			<-ctx.Done()
			return nil, ctx.Err()
		})
		synctest.Wait()
		first.crash()
		<-got
		l := &link{disk: d}
		if err := l.spoil("open/0"); err != nil {
			t.Fatal(err)
		}
		second := life(t, d, w, nil)
		want(t, second.do(t.Context(), keyed("k", "a")), "a number 1", true)
		if second.seen(idempotency.EventScanFailed) == 0 {
			t.Error("no event tells of it")
		}
	})
}
