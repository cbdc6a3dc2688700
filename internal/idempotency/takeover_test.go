package idempotency_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/store"
)

func TestAnIntentIsReadBackFromAnyReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		c := on(keyed("k", "a"), "o")
		c.Description = describe(func() (idempotency.Intent, error) {
			return idempotency.Intent{Baseline: []byte(`"b"`), Names: map[string]string{"id": "name"}}, nil
		})
		retry := again(c)
		retry.Key = ""
		other := c
		other.Payload = []byte("b")
		if _, ok := two.Peek(t.Context(), &c); ok {
			t.Error("known before it was made")
		}
		got := one.run(t.Context(), c, one.slow("a", time.Second))
		synctest.Wait()
		for _, stage := range []string{"open", "finished"} {
			if i, ok := two.Peek(t.Context(), &c); !ok || i.Names["id"] != "name" || (len(i.Objects) == 1) != (stage == "open") {
				t.Errorf("%s: %+v", stage, i)
			}
			for _, c := range []idempotency.Call{other, retry, plain("a"), keyed("l", "a")} {
				if i, ok := two.Peek(t.Context(), &c); ok {
					t.Errorf("%s: another request finds %+v", stage, i)
				}
			}
			if stage == "open" {
				want(t, got, "a number 1", false)
			}
		}
	})
}

// afterGet calls then after each read.
type afterGet struct {
	store.Store

	then func(keys []string)
}

func (a afterGet) Get(ctx context.Context, keys ...string) (map[string]store.Record, error) {
	found, err := a.Store.Get(ctx, keys...)
	a.then(keys)
	return found, err
}

// The record of the call names an open intent, and the intent ends before it is read.
func TestTheIntentOfAChangeThatEndsMeanwhileIsReadBack(t *testing.T) {
	for name, made := range map[string]bool{"made": true, "not made": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, w := newDisk(), newWorld()
				c := on(keyed("k", "a"), "o")
				c.Description = describe(func() (idempotency.Intent, error) {
					return idempotency.Intent{Names: map[string]string{"id": "name"}}, nil
				})
				one, finish := life(t, d, w, together), make(chan struct{})
				var looked atomic.Bool
				got := one.run(t.Context(), c, func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
					<-finish
					if !made {
						return nil, fault.New(fault.Throttled, "BUDGET", "x")
					}
					return w.act(op, "a"), nil
				})
				synctest.Wait()
				two := life(t, d, w, func(c *idempotency.Config) {
					together(c)
					c.Store = afterGet{c.Store, func(keys []string) {
						if strings.HasPrefix(keys[0], "call/") && looked.CompareAndSwap(false, true) {
							close(finish)
							<-got
						}
					}}
				})
				if i, ok := two.Peek(t.Context(), &c); ok != made || made && i.Names["id"] != "name" {
					t.Errorf("%t, %+v", ok, i)
				}
				if want(t, two.do(t.Context(), c), "a number 1", made); w.count("a") != 1 {
					t.Errorf("made %d times", w.count("a"))
				}
			})
		})
	}
}

func TestWhatWasUnknownAMomentAgoIsNotMadeTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		c := keyed("k", "a")
		if _, ok := two.Peek(t.Context(), &c); ok {
			t.Error("known before it was made")
		}
		want(t, one.do(t.Context(), keyed("k", "a")), "a number 1", false)
		want(t, two.do(t.Context(), c), "a number 1", true)
	})
}

func TestAFormerOwnerWaitsForTheOneThatTookOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one := life(t, d, w, together)
		two := life(t, d, w, func(c *idempotency.Config) {
			together(c)
			c.Recover = func(context.Context, *idempotency.Operation) ([]byte, error) {
				time.Sleep(30 * time.Second)
				return []byte("found"), nil
			}
		})
		first := one.run(t.Context(), on(keyed("k", "a"), "o"), one.slow("a", 40*time.Second))
		synctest.Wait()
		one.link.set(true, false)
		time.AfterFunc(35*time.Second, func() { one.link.set(false, false) })
		want(t, first, "found", false)
		if one.seen(idempotency.EventDropped) != 1 || two.seen(idempotency.EventTaken) != 1 {
			t.Error("no event tells of it")
		}
		want(t, one.do(t.Context(), keyed("k", "a")), "found", true)
		nothingOpen(t, d)
	})
}

func TestOneObjectOnTwoReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		running := 0
		var all []<-chan ended
		for n := range 10 {
			c := on(plain("a"), "o", string(rune('a'+n)))
			c.Description = describe(func() (idempotency.Intent, error) {
				time.Sleep(time.Second)
				return idempotency.Intent{}, nil
			})
			r := []*replica{one, two}[n%2]
			all = append(all, r.run(t.Context(), c, func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
				if running++; running > 1 {
					t.Error("two at once")
				}
				time.Sleep(time.Second)
				running--
				return w.act(op, "a"), nil
			}))
		}
		for _, got := range all {
			if e := <-got; e.err != nil {
				t.Error(e.err)
			}
		}
		if n := w.count("a"); n != 10 {
			t.Errorf("made %d times", n)
		}
	})
}

func TestAReplicaThatComesBackKeepsItsIntents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one := life(t, d, w, together)
		var tried atomic.Bool
		two := life(t, d, w, func(c *idempotency.Config) {
			together(c)
			l, _ := c.Store.(*link)
			l.before = func(keys []string) {
				if slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "open/") }) {
					// The replica has no heartbeat during the search and recovers a moment later.
					tried.Store(true)
					one.link.set(false, false)
					time.Sleep(5 * time.Second)
				}
			}
		})
		first := one.run(t.Context(), on(keyed("k", "a"), "o"), one.slow("a", time.Minute))
		synctest.Wait()
		one.link.set(true, false)
		want(t, first, "a number 1", false)
		if !tried.Load() || two.seen(idempotency.EventTaken) != 0 || w.looked() != 0 {
			t.Errorf("tried %t, taken over %d times", tried.Load(), two.seen(idempotency.EventTaken))
		}
	})
}
