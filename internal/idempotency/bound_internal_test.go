package idempotency

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestABoundEndsAsAContextWithADeadlineDoes(t *testing.T) {
	t.Parallel()
	why := errors.New("why")
	type key struct{}
	parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "v"))

	early, end := withBound(parent, time.Now().Add(-time.Second), why)
	defer end()
	if !errors.Is(early.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(early), why) {
		t.Errorf("behind its deadline: %v, %v", early.Err(), context.Cause(early))
	}
	short, end := withBound(parent, time.Now().Add(time.Millisecond), why)
	defer end()
	if <-short.Done(); !errors.Is(short.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(short), why) {
		t.Errorf("after its deadline: %v, %v", short.Err(), context.Cause(short))
	}
	given, end := withBound(parent, time.Now().Add(time.Hour), why)
	if at, ok := given.Deadline(); !ok || time.Until(at) > time.Hour || given.Err() != nil || given.Value(key{}) != "v" {
		t.Errorf("before its end: %v, %v", at, given.Err())
	}
	if end(); !errors.Is(given.Err(), context.Canceled) {
		t.Errorf("given up: %v", given.Err())
	}
	<-given.Done()
	long, end := withBound(parent, time.Now().Add(time.Hour), why)
	defer end()
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
