package idempotency

import (
	"context"
	"sync"
	"time"
)

// limitParts divides the Limit: a change may end this fraction of the Limit too early.
const limitParts = 100

// limits makes the contexts that end running changes after the Limit. Changes that begin at about the same time
// share one context, because a context with its own timer costs a change seven allocations.
type limits struct {
	life  context.Context //nolint:containedctx // the life of the Coordinator is not that of a call
	limit time.Duration

	mu sync.Mutex
	// last is shared by the changes that begin before until.
	last  context.Context //nolint:containedctx // it is shared by changes
	until time.Time
}

// context returns a context that ends with the Coordinator, or after the Limit or up to 1 % of the Limit before.
func (l *limits) context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.last == nil || !now.Before(l.until) {
		ctx, cancel := context.WithTimeout(l.life, l.limit)
		// Nobody else ends ctx, since running changes may share it.
		context.AfterFunc(ctx, cancel)
		l.last, l.until = ctx, now.Add(l.limit/limitParts)
	}
	return l.last
}
