package connlimit

import (
	"sync"
	"time"
)

// minRead is the number of bytes that must be available before a waiting read
// continues. Reading byte by byte would cost too much.
const minRead = 256

// tokenBucket is a token bucket of bytes, with the read deadline of the
// connection.
type tokenBucket struct {
	size, refill int
	// wake wakes a waiting read.
	wake chan struct{}

	mu       sync.Mutex
	tokens   float64
	at       time.Time
	deadline time.Time
}

func newTokenBucket(size, refill int, now time.Time) tokenBucket {
	return tokenBucket{size: size, refill: refill, wake: make(chan struct{}, 1), tokens: float64(size), at: now}
}

// available returns how many bytes may be read, or how long to wait for more.
// The bucket is not refilled while filling is false.
func (a *tokenBucket) available(now time.Time, filling bool) (int, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if filling {
		a.tokens = min(float64(a.size), a.tokens+now.Sub(a.at).Seconds()*float64(a.refill))
	}
	a.at = now
	if n := int(a.tokens); n >= min(minRead, a.size) {
		return n, 0
	}
	return 0, max(time.Millisecond, time.Duration((minRead-a.tokens)/float64(a.refill)*float64(time.Second)))
}

func (a *tokenBucket) spend(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens -= float64(n)
}

// restart starts refilling at now.
func (a *tokenBucket) restart(now time.Time) {
	a.mu.Lock()
	a.at = now
	a.mu.Unlock()
	a.wakeReader()
}

func (a *tokenBucket) setDeadline(t time.Time) {
	a.mu.Lock()
	a.deadline = t
	a.mu.Unlock()
	a.wakeReader()
}

// overdue reports whether the read deadline has passed, and otherwise the remaining time. 0: there is no
// deadline.
func (a *tokenBucket) overdue(now time.Time) (bool, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deadline.IsZero() {
		return false, 0
	}
	return !now.Before(a.deadline), a.deadline.Sub(now)
}

func (a *tokenBucket) wakeReader() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}
