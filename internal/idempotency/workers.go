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
	// run is the work on a flight. idle passes a flight to an idle goroutine.
	run  func(*flight)
	idle chan *flight

	mu      sync.Mutex
	waiting int
}

func newWorkers(life context.Context, run func(*flight)) *workers {
	return &workers{life: life, run: run, idle: make(chan *flight)}
}

// take runs a flight at once on an idle or a new goroutine.
func (c *workers) take(f *flight) {
	select {
	case c.idle <- f:
	default:
		go c.serve(f)
	}
}

func (c *workers) serve(f *flight) {
	for f != nil {
		c.run(f)
		f = c.next()
	}
}

// next waits for another flight. It returns nil if enough goroutines are idle or the pool ends.
func (c *workers) next() *flight {
	if !c.reserveIdle() {
		return nil
	}
	defer c.releaseIdle()
	select {
	case f := <-c.idle:
		return f
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
