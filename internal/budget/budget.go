// Package budget grants permits for calls with one credential. It implements weighted fair queueing between
// tenants, an urgent lane, pacing and batching. The limit of the credential is never exceeded.
//
// This package must not know what a call does, how a call is sent, or how replicas communicate. It knows the
// tenant and the deadline of an ask, and the start and end of a call.
package budget

import (
	"context"
	"time"
)

// Config describes the limits of one credential.
type Config struct {
	// Calls is the number of calls that the credential may make in any Window, over all replicas. Below 1:
	// 1200.
	Calls int
	// Window is the time over which calls are counted. Below 1 ns: 5 minutes.
	Window time.Duration
	// PerSecond is the number of calls that may begin in any second, over all replicas. 0: no limit.
	PerSecond int
	// MaxWait is the maximum wait of an ask. 0: no limit.
	MaxWait time.Duration
	// Partitioned says that other schedulers share Calls. The scheduler then starts with no slots and owns
	// only the slots that Grow adds.
	Partitioned bool
	// Growth is the approximate time until unused slots of other schedulers move to this scheduler.
	Growth time.Duration
	// Weight returns the weight of a tenant. If Weight is nil or returns a value <= 0, the weight is 1. It is
	// called repeatedly, so weights may change. It must not block or call the scheduler.
	Weight func(tenant string) float64
}

// Ask is a request for the permit of one call.
type Ask struct {
	// Tenant pays for the call. "" is the service itself.
	Tenant string
	// Urgent calls go first and are not spaced, as long as their tenant has priority credit.
	Urgent bool
	// Deadline is the time at which the call must have its permit. Zero: only the contexts and MaxWait set a
	// limit.
	Deadline time.Time
	// Wanted ends when the caller leaves a call that would outlive its caller once sent. It ends the wait for
	// the permit. Nil: only the context of the call ends the wait.
	Wanted context.Context //nolint:containedctx // the caller's context stands beside that of the call
	// Urged is closed when an urgent call waits for a resource that this call holds, such as the lock of an
	// object. A waiting ask then moves to the urgent lane. It may be nil.
	Urged <-chan struct{}
	// Group identifies asks that can share one call. "" shares with none.
	Group string
	// Member is passed to the leader of the call: see Permit.Members.
	Member any
	// Items and Bytes are the size of Member. One call has at most 100 items and 8 MiB. Items below 1 count
	// as 1.
	Items, Bytes int
}

// Result is the part of a call's result that concerns the budget.
type Result struct {
	// Sent says that any part of the request may have been sent. A call that was not sent costs nothing.
	Sent bool
	// Answered says that an answer arrived. A request without an answer may reach Cloudflare later, so its
	// slot is held longer.
	Answered bool
	// Throttled says that Cloudflare answered 429.
	Throttled bool
	// RetryAfter is the Retry-After of a 429. 0: one Window.
	RetryAfter time.Duration
	// Limit and Policy are the Ratelimit and Ratelimit-Policy headers of the answer, "" if missing.
	Limit, Policy string
}
