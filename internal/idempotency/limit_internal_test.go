package idempotency

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Changes that begin within 1 % of the Limit share a context. No context ends after its Limit.
func TestChangesShareTheContextOfTheirLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, stop := context.WithCancel(t.Context())
		l := &limits{life: life, limit: 100 * time.Second}
		first := l.context()
		time.Sleep(time.Second - time.Nanosecond)
		if l.context() != first {
			t.Error("a change that began at about the same time has its own context")
		}
		time.Sleep(time.Nanosecond)
		second := l.context()
		if second == first {
			t.Error("a change that began later shares the context")
		}
		time.Sleep(99 * time.Second)
		synctest.Wait()
		if !errors.Is(first.Err(), context.DeadlineExceeded) || second.Err() != nil {
			t.Errorf("after the first limit: %v, %v", first.Err(), second.Err())
		}
		if stop(); !errors.Is(second.Err(), context.Canceled) {
			t.Errorf("after the end of the Coordinator: %v", second.Err())
		}
	})
}
