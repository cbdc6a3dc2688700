package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxWindows is the number of credentials from which on finished windows are
// dropped.
const maxWindows = 1024

// rateLimiter counts the calls of each credential.
type rateLimiter struct {
	limit RateLimit
	clock func() time.Time
	mu    sync.Mutex
	// windows is keyed by credential.id.
	windows map[string]window
}

// window is the current window of a credential.
type window struct {
	used  int
	until time.Time
	// blocked says that until is the end of a block, not of a window.
	blocked bool
}

func newRateLimiter(c Config) *rateLimiter {
	return &rateLimiter{limit: *c.RateLimit, clock: c.Clock, windows: map[string]window{}}
}

func (b *rateLimiter) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.windows = map[string]window{}
}

// take counts a call. It returns the refusal if the limit is exceeded.
func (b *rateLimiter) take(who string) *httpAnswer {
	if b.limit.Requests <= 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock()
	s, known := b.windows[who]
	if !known || !now.Before(s.until) {
		b.forget(now)
		s = window{until: now.Add(b.limit.Window)}
	}
	s.used++
	if !s.blocked && s.used > b.limit.Requests {
		s.blocked, s.until = true, now.Add(b.limit.Block)
	}
	b.windows[who] = s
	if !s.blocked {
		return nil
	}
	return new(b.throttled(s.until.Sub(now)))
}

func (b *rateLimiter) forget(now time.Time) {
	if len(b.windows) >= maxWindows {
		maps.DeleteFunc(b.windows, func(_ string, s window) bool { return !now.Before(s.until) })
	}
}

// throttled is the answer to a refused call, to be retried after a while.
func (b *rateLimiter) throttled(after time.Duration) httpAnswer {
	limit, window := b.policy()
	a := refuse(http.StatusTooManyRequests, codeThrottled, fmt.Sprintf(
		"More than %d requests per %d seconds reached. Please wait and consider throttling your request speed", limit, window))
	wait := seconds(after)
	a.header = map[string]string{
		"Retry-After": strconv.Itoa(wait),
		"Ratelimit":   fmt.Sprintf(`"default";r=0;t=%d`, wait),
	}
	return a
}

// policy returns the limit in the headers. Without a limit it is Cloudflare's.
func (b *rateLimiter) policy() (requests, windowSeconds int) {
	if b.limit.Requests <= 0 {
		return defaultRequests, seconds(defaultWindow)
	}
	return b.limit.Requests, seconds(b.limit.Window)
}

// announce sets the headers of every answer. As observed at Cloudflare, the
// remaining calls in the headers are not those of the budget: a client must not
// rely on them.
func (b *rateLimiter) announce(h http.Header) {
	limit, window := b.policy()
	h.Set("Ratelimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, limit, window))
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=1`, limit-1))
}

// seconds rounds up, so that no client retries too early.
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
