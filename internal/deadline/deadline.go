// Package deadline has a context with a deadline whose timer begins only when somebody waits for the end of
// the context. Most calls end without a wait.
package deadline

import (
	"context"
	"sync"
	"time"
)

// Context is a context with a deadline, as context.WithDeadlineCause makes. The zero value must be begun.
type Context struct {
	context.Context //nolint:containedctx // a context has its parent

	deadline time.Time
	cause    error

	mu     sync.Mutex
	ended  bool
	waited context.Context //nolint:containedctx // the same context with a timer, nil before one is needed
	cancel context.CancelFunc
}

// Begin begins an empty Context that ends at a deadline, or has none if it is zero. The cause of its end is then
// cause, and context.DeadlineExceeded if cause is nil. The caller must call End.
func (c *Context) Begin(parent context.Context, deadline time.Time, cause error) {
	c.Context, c.deadline, c.cause = parent, deadline, cause
}

// End ends the context.
func (c *Context) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
}

// timed returns the context with its timer.
func (c *Context) timed() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited == nil {
		if c.deadline.IsZero() {
			c.waited, c.cancel = context.WithCancel(c.Context)
		} else {
			c.waited, c.cancel = context.WithDeadlineCause(c.Context, c.deadline, c.cause)
		}
		if c.ended {
			c.cancel()
		}
	}
	return c.waited
}

// untimed reports whether there is no timer yet and the context has not ended.
func (c *Context) untimed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waited == nil && !c.ended && c.Context.Err() == nil && (c.deadline.IsZero() || time.Now().Before(c.deadline))
}

// Deadline returns when the context ends at the latest.
func (c *Context) Deadline() (time.Time, bool) {
	if at, ok := c.Context.Deadline(); c.deadline.IsZero() || ok && at.Before(c.deadline) {
		return at, ok
	}
	return c.deadline, true
}

// Done is closed when the context has ended.
func (c *Context) Done() <-chan struct{} { return c.timed().Done() }

// Err returns why the context has ended.
func (c *Context) Err() error {
	if c.untimed() {
		return nil
	}
	return c.timed().Err()
}

// Value asks the context with a timer, if there is one: package context finds the cause by it.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	waited := c.waited
	c.mu.Unlock()
	if waited != nil {
		return waited.Value(key)
	}
	return c.Context.Value(key)
}

// AfterCancel is context.AfterFunc for a caller that keeps the deadline itself, such as on a connection. It
// calls f when ctx is canceled before its deadline, and starts no timer for a Context. End does not call f: the
// caller must call stop.
func AfterCancel(ctx context.Context, f func()) (stop func() bool) {
	if c, ok := ctx.(*Context); ok {
		ctx = c.Context
	}
	return context.AfterFunc(ctx, f)
}
