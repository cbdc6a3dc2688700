package idempotency_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

// Each of these ends without anybody knowing whether the change took effect.
var unclear = map[string]func(r *replica, act bool) func(ctx context.Context, op *idempotency.Operation) ([]byte, error){
	"the answer was lost": func(r *replica, act bool) func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
		if act {
			return r.lost("a")
		}
		return unsent
	},
	"a panic": func(r *replica, act bool) func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
		return func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			if act {
				r.world.act(op, "a")
			}
			panic("at the disco")
		}
	},
	"a mistake of our own": func(r *replica, act bool) func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
		return func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			if act {
				r.world.act(op, "a")
			}
			return nil, errors.New("nil map")
		}
	},
	"the limit": func(r *replica, act bool) func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
		return func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			if act {
				r.world.act(op, "a")
			}
			<-ctx.Done()
			return nil, fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "x").Because(ctx.Err())
		}
	},
}

func TestAChangeWhoseAnswerWasLostIsAnsweredAllTheSame(t *testing.T) {
	for name, run := range unclear {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				r := life(t, d, newWorld(), nil)
				first := r.run(t.Context(), on(keyed("k", "a"), "o"), run(r, true))
				synctest.Wait()
				second := r.do(t.Context(), keyed("k", "a"))
				want(t, first, "a number 1", false)
				want(t, second, "a number 1", true)
				want(t, r.do(t.Context(), keyed("k", "a")), "a number 1", true)
				nothingOpen(t, d)
				if r.seen(idempotency.EventUnsettled) != 1 || r.seen(idempotency.EventRecovered) != 1 {
					t.Error("no event tells of it")
				}
			})
		})
	}
}

func TestAChangeThatHadNoEffectIsLeftToThoseWhoWait(t *testing.T) {
	for name, run := range unclear {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				r := life(t, d, newWorld(), nil)
				first := r.run(t.Context(), on(keyed("k", "a"), "o"), run(r, false))
				synctest.Wait()
				second := r.do(t.Context(), on(keyed("k", "a"), "o"))
				if e := <-first; e.err == nil {
					t.Errorf("the first was answered %q", e)
				}
				want(t, second, "a number 1", false)
				nothingOpen(t, d)
			})
		})
	}
}

func TestNotDoneIsBelievedOnlyAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := life(t, newDisk(), w, nil)
		synctest.Wait()
		first := r.run(t.Context(), on(keyed("k", "a"), "o"), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			// The change takes effect after the caller has left.
			time.AfterFunc(1900*time.Millisecond, func() { w.act(op, "a") })
			return nil, errLost
		})
		synctest.Wait()
		if n := w.looked(); n != 1 {
			t.Errorf("looked %d times at once", n)
		}
		other := r.run(t.Context(), on(keyed("l", "b"), "o"), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			if w.count("a") == 0 {
				t.Error("the object was given away before it was sure")
			}
			return w.act(op, "b"), nil
		})
		want(t, first, "a number 1", false)
		want(t, other, "b number 1", false)
		if n := w.looked(); n != 2 {
			t.Errorf("looked %d times, want at once and at the end of the wait", n)
		}
	})
}

func TestRecoveryGoesOnUntilItKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		r := life(t, d, w, nil)
		w.setBlind(true)
		first := r.run(t.Context(), on(keyed("k", "a"), "o"), r.lost("a"))
		time.Sleep(4 * time.Second)
		pending(t, first)
		// The caller gets the fault in time, and can ask again.
		want(t, first, "UPSTREAM_ANSWER_LOST", false)
		time.Sleep(time.Minute)
		if n := w.looked(); n < 10 || n > 30 {
			t.Errorf("looked %d times in a minute", n)
		}
		w.setBlind(false)
		want(t, r.do(t.Context(), keyed("k", "a")), "a number 1", true)
		nothingOpen(t, d)
	})
}

func TestNobodyWaitsForRecoveryForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := life(t, newDisk(), w, func(c *idempotency.Config) { c.Patience = 15 * time.Second })
		w.setBlind(true)
		began := time.Now()
		first := r.run(t.Context(), on(keyed("k", "a"), "o"), r.lost("a"))
		synctest.Wait()
		other := r.do(t.Context(), on(keyed("l", "b"), "o"))
		want(t, first, "UPSTREAM_ANSWER_LOST", false)
		want(t, other, "CHANGE_IN_PROGRESS", false)
		want(t, r.do(t.Context(), keyed("k", "a")), "CHANGE_IN_PROGRESS", false)
		if waited := time.Since(began); waited > 30*time.Second {
			t.Errorf("they waited %s", waited)
		}
		w.setBlind(false)
		want(t, r.do(t.Context(), keyed("k", "a")), "a number 1", true)
	})
}

func TestWhatRecoveryMayFind(t *testing.T) {
	for name, test := range map[string]struct {
		find func() ([]byte, error)
		want string
	}{
		"an answer":   {func() ([]byte, error) { return []byte("found"), nil }, "found"},
		"no answer":   {func() ([]byte, error) { return nil, nil }, ""},
		"a refusal":   {func() ([]byte, error) { return nil, fault.New(fault.NameTaken, "NAME_TAKEN", "x") }, "NAME_TAKEN"},
		"that is all": {func() ([]byte, error) { return nil, change.ErrNotDone }, "UPSTREAM_ANSWER_LOST"},
		"no proof":    {func() ([]byte, error) { return nil, change.ErrUnproven }, "UPSTREAM_ANSWER_LOST"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, tries := newDisk(), 0
				r := life(t, d, newWorld(), func(c *idempotency.Config) {
					c.Recover = func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
						if op.Intent.ID == "" || !op.Held() {
							t.Error("recovery is no operation of its own")
						}
						switch tries++; tries {
						case 1:
							panic("once")
						case 2:
							return nil, errors.New("twice")
						}
						return test.find()
					}
				})
				want(t, r.run(t.Context(), keyed("k", "a"), unsent), test.want, false)
				nothingOpen(t, d)
				undone, unproven := r.seen(idempotency.EventUndone), r.seen(idempotency.EventUnproven)
				if undone == 1 != (name == "that is all") || unproven == 1 != (name == "no proof") {
					t.Errorf("%d events say undone and %d unproven", undone, unproven)
				}
			})
		})
	}
}

func TestALostChangeThatAnotherFollowedIsStillAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		r := life(t, d, w, nil)
		w.setBlind(true)
		old := r.run(t.Context(), plain("a"), r.lost("a"))
		synctest.Wait()
		want(t, r.do(t.Context(), plain("a")), "a number 2", false)
		w.setBlind(false)
		want(t, old, "a number 1", false)
		want(t, r.do(t.Context(), again(plain("a"))), "a number 2", true)
		time.Sleep(3 * time.Minute)
		if left := d.names(""); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestManyAreRecoveredAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		var now, most atomic.Int64
		r := life(t, d, w, func(c *idempotency.Config) {
			c.Recover = func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Millisecond)
				now.Add(-1)
				return w.recover(ctx, op)
			}
		})
		var all []<-chan ended
		for n := range 100 {
			all = append(all, r.run(t.Context(), keyed(string(rune('A'+n)), "a"), r.lost("a")))
		}
		for _, got := range all {
			if e := <-got; e.err != nil {
				t.Error(e.err)
			}
		}
		if n := most.Load(); n < 2 || n > 8 {
			t.Errorf("%d at once", n)
		}
	})
}

func TestAnAnswerThatIsKeptWhileItIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := life(t, newDisk(), newWorld(), func(c *idempotency.Config) {
			l, _ := c.Store.(*link)
			l.torn = time.Second
			c.Recover = func(context.Context, *idempotency.Operation) ([]byte, error) {
				time.Sleep(1500 * time.Millisecond)
				return []byte("found"), nil
			}
		})
		want(t, r.run(t.Context(), plain("a"), unsent), "found", false)
	})
}
