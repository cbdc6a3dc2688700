// Package inflight limits the number of bytes of request bodies in memory, for both protocols together.
//
// The package must not know the content of a body or its protocol.
package inflight

import (
	"context"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// Limits are the limits of the budget.
type Limits struct {
	// Short limits the first ShortBody bytes of all bodies, and Long the rest of all bodies. The limits are
	// separate so that long bodies do not delay short bodies.
	Short, Long int64
	// ShortBody is the number of bytes of a body that count as short.
	ShortBody int64
	// Wait is the maximum wait of a body for room.
	Wait time.Duration
	// Grace is the base time for a body to arrive. Rate is the number of bytes per second beyond that. A
	// slower body would hold its part of the budget for too long.
	Grace time.Duration
	Rate  int64
}

// DefaultLimits returns the limits of the service. The largest REST body, 48
// MiB, fits into the share of one caller.
func DefaultLimits() Limits {
	return Limits{Short: 16 << 20, Long: 64 << 20, ShortBody: 64 << 10, Wait: 5 * time.Second, Grace: 10 * time.Second, Rate: 128 << 10}
}

// retryAfter is the retry delay after a body found no room.
const retryAfter = 2 * time.Second

// Bodies is the memory budget. It is safe for concurrent use.
type Bodies struct {
	limits      Limits
	short, long *pool
}

// New returns an unused budget. A caller may use at most three quarters of each limit.
func New(l Limits) *Bodies {
	return &Bodies{limits: l, short: newPool(l.Short), long: newPool(l.Long)}
}

// Body is the part of the budget held by the body of a call.
type Body struct {
	bodies *Bodies
	caller string

	mu   sync.Mutex
	held int64
	// refs counts the call and the changes that continue after the call has
	// ended.
	refs int
}

// Open begins a body of a caller, with no bytes. Release ends the body.
func (b *Bodies) Open(caller string) *Body { return &Body{bodies: b, caller: caller, refs: 1} }

// Time returns the maximum time for n bytes of a body to arrive.
func (b *Body) Time(n int64) time.Duration {
	return b.bodies.limits.Grace + time.Duration(n/b.bodies.limits.Rate)*time.Second
}

// TooSlow returns the fault of a body that exceeds this time.
func TooSlow() *fault.Error {
	return fault.New(fault.Deadline, fault.ReasonBodyTooSlow, "The request must come at 128 KiB a second or faster; send less at once.")
}

// Grow reserves n more bytes for a body. It waits for room for at most
// Limits.Wait. The error is a fault of kind Unavailable, or the error of ctx.
func (b *Body) Grow(ctx context.Context, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	short := max(0, min(b.held+n, b.bodies.limits.ShortBody)-b.held)
	for _, part := range []struct {
		of *pool
		n  int64
	}{{b.bodies.short, short}, {b.bodies.long, n - short}} {
		if part.n <= 0 {
			continue
		}
		if err := part.of.acquire(ctx, b.caller, part.n, b.bodies.limits.Wait); err != nil {
			return err
		}
		b.held += part.n
	}
	return nil
}

// Shrink releases n bytes of a body that turned out to be shorter than its
// reservation.
func (b *Body) Shrink(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shrink(n)
}

func (b *Body) shrink(n int64) {
	long := min(n, max(0, b.held-b.bodies.limits.ShortBody))
	b.bodies.long.release(b.caller, long)
	b.bodies.short.release(b.caller, n-long)
	b.held -= n
}

// Release drops a reference. The last Release frees the bytes of the body. A nil body holds none.
func (b *Body) Release() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs--; b.refs == 0 {
		b.shrink(b.held)
	}
}

// requestState is the state of a request during its arrival, stored in the context of the call.
type requestState struct {
	body   *Body
	cancel context.CancelFunc
}

type callKey struct{}

func callFrom(ctx context.Context) requestState {
	if c, is := ctx.Value(callKey{}).(*requestState); is {
		return *c
	}
	return requestState{}
}

// With returns a context for a call whose body is b.
func With(ctx context.Context, b *Body) context.Context {
	return context.WithValue(ctx, callKey{}, &requestState{b, callFrom(ctx).cancel})
}

// WithCancel returns a context for a call whose stream ends when cancel is
// called.
func WithCancel(ctx context.Context, cancel context.CancelFunc) context.Context {
	return context.WithValue(ctx, callKey{}, &requestState{callFrom(ctx).body, cancel})
}

// From returns the body of the call of ctx. Nil: the call has none.
func From(ctx context.Context) *Body { return callFrom(ctx).body }

// Cancel ends the stream of the call of ctx, so that no more of its body is read. Without WithCancel it does
// nothing.
func Cancel(ctx context.Context) {
	if c := callFrom(ctx); c.cancel != nil {
		c.cancel()
	}
}

// Retain adds a reference to the body of a call, so that its bytes stay reserved until the returned body is
// released once, also after the call has ended. It returns nil if the call has no body.
func Retain(ctx context.Context) *Body {
	b := From(ctx)
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refs++
	return b
}

func noRoom() error {
	f := fault.New(fault.Unavailable, fault.ReasonBodiesInFlight, "Storekeeper reads as many request bodies as it has memory for; try again.")
	f.RetryAfter = retryAfter
	return f
}
