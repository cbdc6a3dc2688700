package scope

import (
	"context"
	"sync"
	"time"
)

// Freshness is the age of a cached answer. It is zero for an answer from Cloudflare.
type Freshness struct {
	// Hit reports that the answer came from the cache.
	Hit bool
	// Age is the time since Cloudflare gave the answer.
	Age time.Duration
	// Stale reports that the answer is older than allowed, because Cloudflare could not be reached.
	Stale bool
}

// FreshnessRecorder receives properties of the answer to a call. It is safe for concurrent use.
type FreshnessRecorder struct {
	mu        sync.Mutex
	freshness Freshness
	read      bool
}

// Freshness returns the last freshness that was set. It is zero for a nil receiver.
func (a *FreshnessRecorder) Freshness() Freshness {
	if a == nil {
		return Freshness{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.freshness
}

// Read returns the last freshness that was set. It returns false if none was set, because the cache
// did not contribute to the answer.
func (a *FreshnessRecorder) Read() (Freshness, bool) {
	if a == nil {
		return Freshness{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.freshness, a.read
}

// SetFreshness sets the freshness of the answer.
func (a *FreshnessRecorder) SetFreshness(f Freshness) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.freshness, a.read = f, true
}

// SetFreshness sets the freshness of the answer to a call. It does nothing if ctx does not come
// from WithCall.
func SetFreshness(ctx context.Context, f Freshness) {
	if a := from(ctx).answer; a != nil {
		a.SetFreshness(f)
	}
}
