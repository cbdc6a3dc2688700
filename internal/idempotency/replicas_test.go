package idempotency_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/idempotency"
)

func TestAKeyIsKnownOnEveryReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		first := one.run(t.Context(), keyed("k", "a"), one.slow("a", 10*time.Second))
		synctest.Wait()
		joined, retried := two.do(t.Context(), keyed("k", "a")), two.do(t.Context(), keyed("k", "a"))
		want(t, two.do(t.Context(), keyed("k", "b")), "IDEMPOTENCY_KEY_REUSED", false)
		time.Sleep(5 * time.Second)
		pending(t, joined)
		want(t, first, "a number 1", false)
		want(t, joined, "a number 1", true)
		want(t, retried, "a number 1", true)
		want(t, two.do(t.Context(), keyed("k", "a")), "a number 1", true)
	})
}

func TestARetryIsKnownOnEveryReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		first := one.run(t.Context(), plain("a"), one.slow("a", 10*time.Second))
		synctest.Wait()
		joined := two.do(t.Context(), again(plain("a")))
		synctest.Wait()
		// The new call takes the record. The call that joined still waits for the first change.
		other := two.run(t.Context(), plain("a"), two.slow("a", 20*time.Second))
		want(t, first, "a number 1", false)
		want(t, joined, "a number 1", true)
		want(t, other, "a number 2", false)
	})
}

func TestALivingReplicaKeepsItsIntents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		first := one.run(t.Context(), on(keyed("k", "a"), "o"), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			for range 80 {
				time.Sleep(time.Second)
				if !op.Held() {
					t.Fatal("it is not held")
				}
			}
			return w.act(op, "a"), nil
		})
		want(t, first, "a number 1", false)
		if w.looked() != 0 || two.seen(idempotency.EventTaken) != 0 {
			t.Error("it was taken over")
		}
	})
}

func TestOneTakesOverFromASilentReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		silent := life(t, d, w, together)
		var others []*replica
		for range 3 {
			others = append(others, life(t, d, w, func(c *idempotency.Config) {
				together(c)
				c.Recover = func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
					time.Sleep(time.Second)
					return w.recover(ctx, op)
				}
			}))
		}
		first := silent.run(t.Context(), on(keyed("k", "a"), "o"), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			w.act(op, "a")
			<-ctx.Done()
			return nil, ctx.Err()
		})
		synctest.Wait()
		silent.crash()
		<-first
		joined := others[0].do(t.Context(), keyed("k", "a"))
		time.Sleep(14 * time.Second)
		pending(t, joined)
		want(t, joined, "a number 1", true)
		taken := 0
		for _, r := range others {
			taken += r.seen(idempotency.EventTaken)
		}
		if taken != 1 || w.looked() != 1 {
			t.Errorf("taken over %d times, looked %d times", taken, w.looked())
		}
		nothingOpen(t, d)
	})
}

func TestAFormerOwnerStopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		var until atomic.Int64
		began := time.Now()
		first := one.run(t.Context(), on(keyed("k", "a"), "o"), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			for range 60 {
				time.Sleep(time.Second)
				if op.Held() {
					until.Store(int64(time.Since(began)))
				}
			}
			return []byte("of the former owner"), nil
		})
		synctest.Wait()
		one.link.set(true, false)
		second := two.do(t.Context(), on(keyed("k", "a"), "o"))
		want(t, second, "a number 1", false)
		held := time.Duration(until.Load())
		if took := time.Since(began); took <= held || took > 30*time.Second {
			t.Errorf("taken over after %s, held until %s", took, held)
		}
		one.link.set(false, false)
		// The result of the first replica is dropped in favour of the recorded result.
		want(t, first, "a number 1", true)
		if held = time.Duration(until.Load()); held == 0 || held > 15*time.Second {
			t.Errorf("held for %s", held)
		}
		if one.seen(idempotency.EventDropped) != 1 || one.seen(idempotency.EventLapsed) != 1 {
			t.Error("no event tells of it")
		}
		nothingOpen(t, d)
	})
}

func TestAReplicaThatClosesGivesUpItsHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		one.run(t.Context(), on(keyed("k", "a"), "o"), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			answer := w.act(op, "a")
			<-ctx.Done()
			return answer, ctx.Err()
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := one.Close(ctx); err == nil {
			t.Error("closed as if nothing was left")
		}
		began := time.Now()
		want(t, two.do(t.Context(), keyed("k", "a")), "a number 1", true)
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("waited %s for the lease of a replica that had said goodbye", waited)
		}
	})
}

func TestAReplicaWithoutAHeartbeatBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		r := life(t, d, w, func(c *idempotency.Config) {
			together(c)
			l, _ := c.Store.(*link)
			l.set(true, false)
		})
		want(t, r.do(t.Context(), plain("a")), "STATE_UNAVAILABLE", false)
		r.link.set(false, false)
		want(t, r.do(t.Context(), plain("a")), "STATE_UNAVAILABLE", false)
		time.Sleep(2 * time.Second)
		want(t, r.do(t.Context(), plain("a")), "a number 1", false)
	})
}

func TestAnIntentIsReadBackFromAnyReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		one, two := life(t, d, w, together), life(t, d, w, together)
		c := on(keyed("k", "a"), "o")
		c.Intent = func(context.Context, <-chan struct{}) (idempotency.Intent, error) {
			return idempotency.Intent{Baseline: []byte(`"b"`), Names: map[string]string{"id": "name"}}, nil
		}
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
			c.Intent = func(context.Context, <-chan struct{}) (idempotency.Intent, error) {
				time.Sleep(time.Second)
				return idempotency.Intent{}, nil
			}
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
