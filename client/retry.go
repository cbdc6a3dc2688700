package client

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Retry configures how calls are repeated. A repeat is safe: a read changes
// nothing, a change has an idempotency key, and a put by name is idempotent.
//
// A call is repeated after UNAVAILABLE, and after RESOURCE_EXHAUSTED if the
// server names a wait. The client waits as long as the server asks (RetryInfo),
// otherwise about Backoff, doubled at each repeat. The client returns the last
// error after Attempts, and at once if the wait is longer than MaxWait or ends
// after the deadline of the call.
type Retry struct {
	// Attempts includes the first attempt. 1 means no repeats.
	Attempts int
	// Backoff is the first wait if the server names none.
	Backoff time.Duration
	// MaxWait bounds each wait.
	MaxWait time.Duration
}

// DefaultRetry makes 5 attempts, waits from 100 ms, and waits up to a minute if
// the server asks for that.
func DefaultRetry() Retry {
	return Retry{Attempts: 5, Backoff: 100 * time.Millisecond, MaxWait: time.Minute}
}

// intercept repeats a call.
//
//nolint:revive // grpc wants seven parameters
func (r Retry) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	for attempt := 1; ; attempt++ {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if err == nil || attempt >= r.Attempts {
			return err
		}
		wait, again := r.wait(err, attempt)
		if !again || !pause(ctx, wait) {
			return err
		}
	}
}

// wait returns how long to wait after a failed attempt, and whether to repeat.
func (r Retry) wait(err error, attempt int) (time.Duration, bool) {
	advised, given := RetryAfter(err)
	switch status.Code(err) {
	case codes.Unavailable:
		if !given {
			// Half of the wait is random, so that clients spread out.
			limit := min(r.Backoff<<min(attempt-1, 16), r.MaxWait)
			return limit/2 + rand.N(limit/2+1), true //nolint:gosec // It spreads clients and keeps no secret.
		}
	case codes.ResourceExhausted:
		if !given {
			return 0, false
		}
	default:
		return 0, false
	}
	return advised, advised <= r.MaxWait
}

// pause waits. It returns false as soon as the context ends.
func pause(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
