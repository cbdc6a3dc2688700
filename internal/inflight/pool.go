package inflight

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// pool is a number of bytes shared by callers. Each caller is limited to a part, so that no caller can use
// the whole pool. A call that waits for its caller's part does not delay other callers.
type pool struct {
	all *semaphore.Weighted
	// each is the maximum of one caller.
	each int64

	mu      sync.Mutex
	callers map[string]*callerPool
	// unused holds shares of callers that hold nothing, for the next callers.
	unused []*callerPool
}

// mostUnused is the number of unused shares that a pool keeps.
const mostUnused = 64

// callerPool is the part of a pool that one caller holds.
type callerPool struct {
	bytes *semaphore.Weighted
	// refs counts the bytes and waiting calls that keep the share alive.
	refs int64
}

func newPool(size int64) *pool {
	return &pool{all: semaphore.NewWeighted(size), each: size / 4 * 3, callers: map[string]*callerPool{}}
}

func (p *pool) acquire(ctx context.Context, caller string, n int64, wait time.Duration) error {
	own := p.ref(caller, n)
	if own.bytes.TryAcquire(n) {
		if p.all.TryAcquire(n) {
			return nil
		}
		own.bytes.Release(n)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := own.bytes.Acquire(waiting, n)
	if err == nil {
		if err = p.all.Acquire(waiting, n); err == nil {
			return nil
		}
		own.bytes.Release(n)
	}
	p.unref(caller, own, n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return noRoom()
}

func (p *pool) release(caller string, n int64) {
	if n == 0 {
		return
	}
	p.all.Release(n)
	p.mu.Lock()
	own := p.callers[caller]
	p.mu.Unlock()
	own.bytes.Release(n)
	p.unref(caller, own, n)
}

// ref returns the share of a caller and adds n references.
func (p *pool) ref(caller string, n int64) *callerPool {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.callers[caller]
	if own == nil {
		if last := len(p.unused) - 1; last >= 0 {
			own, p.unused = p.unused[last], p.unused[:last]
		} else {
			own = &callerPool{bytes: semaphore.NewWeighted(p.each)}
		}
		p.callers[caller] = own
	}
	own.refs += n
	return own
}

func (p *pool) unref(caller string, own *callerPool, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own.refs -= n; own.refs == 0 {
		delete(p.callers, caller)
		if len(p.unused) < mostUnused {
			p.unused = append(p.unused, own)
		}
	}
}
