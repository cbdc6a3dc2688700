package deadline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/deadline"
)

func TestAContextEndsAsOneWithATimerDoes(t *testing.T) {
	t.Parallel()
	why := errors.New("why")
	type key struct{}
	parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "v"))

	early := begun(parent, time.Now().Add(-time.Second), why)
	defer early.End()
	if !errors.Is(early.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(early), why) {
		t.Errorf("behind its deadline: %v, %v", early.Err(), context.Cause(early))
	}
	short := begun(parent, time.Now().Add(time.Millisecond), why)
	defer short.End()
	if <-short.Done(); !errors.Is(short.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(short), why) {
		t.Errorf("after its deadline: %v, %v", short.Err(), context.Cause(short))
	}
	given := begun(parent, time.Now().Add(time.Hour), why)
	if at, ok := given.Deadline(); !ok || time.Until(at) > time.Hour || given.Err() != nil || given.Value(key{}) != "v" {
		t.Errorf("before its end: %v, %v", at, given.Err())
	}
	if given.End(); !errors.Is(given.Err(), context.Canceled) {
		t.Errorf("given up: %v", given.Err())
	}
	<-given.Done()
	for _, wait := range []func(context.Context){func(ctx context.Context) { ctx.Done() }, func(context.Context) {}} {
		endless := begun(parent, time.Time{}, nil)
		wait(endless)
		if at, ok := endless.Deadline(); ok || endless.Err() != nil {
			t.Errorf("without a deadline: %v, %v", at, endless.Err())
		}
		if endless.End(); !errors.Is(endless.Err(), context.Canceled) {
			t.Errorf("without a deadline, given up: %v", endless.Err())
		}
	}
	long := begun(parent, time.Now().Add(time.Hour), why)
	defer long.End()
	child, done := context.WithCancel(long)
	defer done()
	other := errors.New("other")
	if cancel(other); !errors.Is(long.Err(), context.Canceled) || !errors.Is(context.Cause(long), other) {
		t.Errorf("with its parent: %v, %v", long.Err(), context.Cause(long))
	}
	if <-child.Done(); !errors.Is(context.Cause(child), other) {
		t.Errorf("its child: %v", context.Cause(child))
	}
}

func TestAfterCancelRunsAtTheEndOfTheParent(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, ctx := range []context.Context{parent, begun(parent, time.Now().Add(time.Hour), nil)} {
		stopped := deadline.AfterCancel(ctx, func() { t.Error("ran after its stop") })
		if !stopped() {
			t.Error("not stopped")
		}
		ran := make(chan struct{})
		deadline.AfterCancel(ctx, func() { close(ran) })
		defer func() { <-ran }()
	}
	cancel()
}

// begun returns a context that has begun.
func begun(parent context.Context, at time.Time, cause error) *deadline.Context {
	c := &deadline.Context{}
	c.Begin(parent, at, cause)
	return c
}
