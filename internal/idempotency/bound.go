package idempotency

import (
	"context"
	"sync"
	"time"
)

// bound is context.WithDeadlineCause whose timer begins when somebody waits for the
// end. Most changes begin without a wait.
type bound struct {
	context.Context //nolint:containedctx // that is what it is

	deadline time.Time
	cause    error

	mu     sync.Mutex
	ended  bool
	waited context.Context //nolint:containedctx // the same with a timer, nil before one is needed
	cancel context.CancelFunc
}

// withBound returns a context that ends at a deadline with a cause, and what ends
// it before.
func withBound(parent context.Context, deadline time.Time, cause error) (context.Context, context.CancelFunc) {
	b := &bound{Context: parent, deadline: deadline, cause: cause}
	return b, b.end
}

func (b *bound) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.cancel != nil {
		b.cancel()
	}
}

// timed is the context with its timer.
func (b *bound) timed() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waited == nil {
		b.waited, b.cancel = context.WithDeadlineCause(b.Context, b.deadline, b.cause)
		if b.ended {
			b.cancel()
		}
	}
	return b.waited
}

// untimed reports whether there is no timer yet and the context has not ended.
func (b *bound) untimed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waited == nil && !b.ended && b.Context.Err() == nil && time.Now().Before(b.deadline)
}

// Deadline returns when the context ends at the latest.
func (b *bound) Deadline() (time.Time, bool) {
	if at, ok := b.Context.Deadline(); ok && at.Before(b.deadline) {
		return at, true
	}
	return b.deadline, true
}

// Done is closed when the context has ended.
func (b *bound) Done() <-chan struct{} { return b.timed().Done() }

// Err says why the context has ended.
func (b *bound) Err() error {
	if b.untimed() {
		return nil
	}
	return b.timed().Err()
}

// Value asks the context with a timer, where there is one: package context finds the
// cause by it.
func (b *bound) Value(key any) any {
	b.mu.Lock()
	waited := b.waited
	b.mu.Unlock()
	if waited != nil {
		return waited.Value(key)
	}
	return b.Context.Value(key)
}
