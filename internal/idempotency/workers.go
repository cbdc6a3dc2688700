package idempotency

import (
	"context"
	"sync"
)

// mostIdle is the maximum number of idle goroutines of the pool.
const mostIdle = 64

// workers is a pool of goroutines. A new goroutine would grow its stack step by step again for each change.
type workers struct {
	// life ends idle goroutines.
	life context.Context //nolint:containedctx // the life of the workers is not that of a call
	// idle passes work to an idle goroutine.
	idle chan func()

	mu      sync.Mutex
	waiting int
}

func newWorkers(life context.Context) *workers { return &workers{life: life, idle: make(chan func())} }

// take runs work at once on an idle or a new goroutine.
func (c *workers) take(work func()) {
	select {
	case c.idle <- work:
	default:
		go c.serve(work)
	}
}

func (c *workers) serve(work func()) {
	for work != nil {
		work()
		work = c.next()
	}
}

// next waits for more work. It returns nil if enough goroutines are idle or the pool ends.
func (c *workers) next() func() {
	if !c.reserveIdle() {
		return nil
	}
	defer c.releaseIdle()
	select {
	case work := <-c.idle:
		return work
	case <-c.life.Done():
		return nil
	}
}

func (c *workers) reserveIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == mostIdle {
		return false
	}
	c.waiting++
	return true
}

func (c *workers) releaseIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
}
