// Package inflight bounds the bytes of request bodies that are held in memory at
// one time, over both protocols together.
//
// It must not know what a body says or which protocol carries it.
package inflight

import (
	"context"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// Limits says how much is held.
type Limits struct {
	// Short bounds the first ShortBody bytes of all bodies, and Long the rest of
	// them. They are apart, so that long bodies do not keep short ones waiting.
	Short, Long int64
	// ShortBody is how many bytes of a body count as short.
	ShortBody int64
	// Wait is how long a body waits for room.
	Wait time.Duration
	// Grace is how long a body may take to arrive, and Rate how many bytes a second
	// beyond that. A slower body would hold its part of the budget for too long.
	Grace time.Duration
	Rate  int64
}

// DefaultLimits are the limits of the service. The greatest body of REST, 48 MiB, fits
// into the part of one caller.
func DefaultLimits() Limits {
	return Limits{Short: 16 << 20, Long: 64 << 20, ShortBody: 64 << 10, Wait: 5 * time.Second, Grace: 10 * time.Second, Rate: 128 << 10}
}

// retryAfter is when a caller whose body found no room is told to come again.
const retryAfter = 2 * time.Second

// Bodies is the budget. It is safe for concurrent use.
type Bodies struct {
	limits      Limits
	short, long *pool
}

// New returns a budget of which nothing is used. One caller may have three
// quarters of each limit.
func New(l Limits) *Bodies {
	return &Bodies{limits: l, short: newPool(l.Short), long: newPool(l.Long)}
}

// Body is what the body of one call holds of the budget.
type Body struct {
	bodies *Bodies
	caller string

	mu   sync.Mutex
	held int64
	// refs are the call, and the changes that go on when it has ended.
	refs int
}

// Open begins a body of a caller, which holds nothing yet. Release ends it.
func (b *Bodies) Open(caller string) *Body { return &Body{bodies: b, caller: caller, refs: 1} }

// Time is how long n bytes of a body may take to arrive.
func (b *Body) Time(n int64) time.Duration {
	return b.bodies.limits.Grace + time.Duration(n/b.bodies.limits.Rate)*time.Second
}

// TooSlow is the fault of a body that takes longer.
func TooSlow() *fault.Error {
	return fault.New(fault.Deadline, "BODY_TOO_SLOW", "The request must come at 128 KiB a second or faster; send less at once.")
}

// Grow makes a body hold n more bytes. It waits for room as long as the limits
// say. The error is a fault of kind Unavailable, or that of ctx.
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

// Shrink makes a body hold n fewer bytes, after it was found to be shorter than
// what it was given room for.
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

// Release gives back what a body holds when its last user has released it.
func (b *Body) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs--; b.refs == 0 {
		b.shrink(b.held)
	}
}

type bodyKey struct{}

// With returns a context for a call whose body is b.
func With(ctx context.Context, b *Body) context.Context { return context.WithValue(ctx, bodyKey{}, b) }

// From returns the body of the call of ctx, nil where it has none.
func From(ctx context.Context) *Body {
	b, _ := ctx.Value(bodyKey{}).(*Body)
	return b
}

// Retain keeps what the body of a call holds until the returned function is
// called, also when the call has ended before.
func Retain(ctx context.Context) (release func()) {
	b := From(ctx)
	if b == nil {
		return func() {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refs++
	return sync.OnceFunc(b.Release)
}

func noRoom() error {
	f := fault.New(fault.Unavailable, "BODIES_IN_FLIGHT", "Storekeeper reads as many request bodies as it has memory for; try again.")
	f.RetryAfter = retryAfter
	return f
}
