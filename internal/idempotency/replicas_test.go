package idempotency_test

import (
	"context"
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
