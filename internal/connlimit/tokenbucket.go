package connlimit

import (
	"sync"
	"time"
)

// minRead is how many bytes have to be left before a read that waited goes on: a
// read for each byte would cost more than it brings.
const minRead = 256

// tokenBucket is a token bucket of bytes.
type tokenBucket struct {
	size, refill int
	// wake wakes a read that waits.
	wake chan struct{}

	mu       sync.Mutex
	tokens   float64
	at       time.Time
	deadline time.Time
}

func newTokenBucket(size, refill int, now time.Time) tokenBucket {
	return tokenBucket{size: size, refill: refill, wake: make(chan struct{}, 1), tokens: float64(size), at: now}
}

// available says how many bytes may be read, or how long to wait for more. Nothing
// comes back while filling is false.
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

// restart begins to count the time from now.
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

// overdue says whether the deadline for reading is over, and otherwise how much
// time is left, 0 where there is no deadline.
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
