package scope

import (
	"context"
	"sync"
	"time"
)

// Freshness is the age of a cached answer. It is zero for an answer of
// Cloudflare.
type Freshness struct {
	// Hit says that Cloudflare was not asked for this answer.
	Hit bool
	// Age is how long ago Cloudflare gave the answer.
	Age time.Duration
	// Stale says that the answer is older than allowed, because Cloudflare
	// could not be asked.
	Stale bool
}

// Answer receives what is known of the answer to a call. It is safe for
// concurrent use.
type Answer struct {
	mu        sync.Mutex
	freshness Freshness
	read      bool
}

// Freshness returns the freshness that was set last. It is zero for nil.
func (a *Answer) Freshness() Freshness {
	if a == nil {
		return Freshness{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.freshness
}

// Read returns the freshness that was set last, and false if none was set: the
// cache had no part in the answer.
func (a *Answer) Read() (Freshness, bool) {
	if a == nil {
		return Freshness{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.freshness, a.read
}

// SetFreshness sets the freshness of the answer.
func (a *Answer) SetFreshness(f Freshness) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.freshness, a.read = f, true
}

// SetFreshness sets the freshness of the answer to a call. It does nothing for a
// call without WithCall.
func SetFreshness(ctx context.Context, f Freshness) {
	if a := from(ctx).answer; a != nil {
		a.SetFreshness(f)
	}
}
