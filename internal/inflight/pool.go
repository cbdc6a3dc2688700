package inflight

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// pool is a number of bytes that callers share. A caller gets a part of it, so
// that no caller has it all. Who waits for its own part keeps nobody else waiting.
type pool struct {
	all *semaphore.Weighted
	// each is the part of one caller.
	each int64

	mu      sync.Mutex
	callers map[string]*share
}

// share is what one caller has of a pool.
type share struct {
	bytes *semaphore.Weighted
	// refs counts the bytes and the waiting calls that the part is kept for.
	refs int64
}

func newPool(size int64) *pool {
	return &pool{all: semaphore.NewWeighted(size), each: size / 4 * 3, callers: map[string]*share{}}
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

// ref finds the part of a caller and keeps it for n bytes.
func (p *pool) ref(caller string, n int64) *share {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.callers[caller]
	if own == nil {
		own = &share{bytes: semaphore.NewWeighted(p.each)}
		p.callers[caller] = own
	}
	own.refs += n
	return own
}

func (p *pool) unref(caller string, own *share, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own.refs -= n; own.refs == 0 {
		delete(p.callers, caller)
	}
}
