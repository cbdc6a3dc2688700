// Package budget gives permits for calls with one credential: weighted fair queueing
// between tenants, an urgent lane, pacing, and batching, so that the limit of the
// credential is never exceeded.
//
// It must not know what a call does, how it is sent, or how replicas reach each
// other. It sees the tenant of an ask, how long the ask can wait, and when a call
// begins and ends.
package budget

import (
	"context"
	"time"
)

// Config describes the limits of one credential.
type Config struct {
	// Calls is how many calls the credential may make in any Window, over all
	// replicas. Below 1 it is 1200.
	Calls int
	// Window is the time over which Calls are counted. Below 1 ns it is 5
	// minutes.
	Window time.Duration
	// PerSecond is how many calls may begin in any second, over all replicas.
	// 0 is no limit.
	PerSecond int
	// MaxWait is the longest that an ask waits for its permit. 0 is as long as its
	// caller waits.
	MaxWait time.Duration
	// Partitioned says that other schedulers share Calls. The scheduler then owns the
	// slots that Grow gives it, and none at first.
	Partitioned bool
	// Growth is about how long it takes until slots that other schedulers do not use
	// are given to this one.
	Growth time.Duration
	// Weight returns the weight of a tenant. nil is 1 for all; a weight that is not
	// above 0 is 1. It is called from time to time, so weights may change. It must be
	// quick and must not call the scheduler.
	Weight func(tenant string) float64
}

// Ask asks for a permit for one call.
type Ask struct {
	// Tenant pays for the call. "" is the service itself.
	Tenant string
	// Urgent calls go first and are not spaced, as long as their tenant has priority
	// credit.
	Urgent bool
	// Deadline is when the call must have its permit. Zero sets no bound beyond
	// those of the contexts and of MaxWait.
	Deadline time.Time
	// Wanted ends when the caller has left of a call that outlives its caller once
	// it is sent. While such a call waits for its permit it ends then. Nil: only the
	// call's own context ends it.
	Wanted context.Context //nolint:containedctx // the caller's context stands beside that of the call
	// Urged is closed when the call becomes urgent: an urgent call waits for what
	// this one holds, such as the lock of an object. An ask that waits then moves
	// to the urgent lane. Nil: that never happens.
	Urged <-chan struct{}
	// Group names asks that can share one call. "" shares with none.
	Group string
	// Member is handed to the leader of the call: see Permit.Members.
	Member any
	// Items and Bytes are the size of Member. One call carries at most
	// 100 items and 8 MiB. Items below 1 count as 1.
	Items, Bytes int
}

// Result is the result of a call, as far as the budget is concerned.
type Result struct {
	// Sent is whether any part of the request may have left. A call that was
	// not sent costs nothing.
	Sent bool
	// Answered is whether an answer came. Without one the request may reach
	// Cloudflare later than its end here, so its slot is held a little longer.
	Answered bool
	// Throttled is whether Cloudflare answered 429.
	Throttled bool
	// RetryAfter is what Cloudflare said beside a 429. 0 is one Window.
	RetryAfter time.Duration
	// Limit and Policy are the Ratelimit and Ratelimit-Policy headers of the
	// answer, "" where there was none.
	Limit, Policy string
}
