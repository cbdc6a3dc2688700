package idempotency

import (
	"context"
	"sync"
)

// mostIdle is how many goroutines of the pool may wait for work.
const mostIdle = 64

// workers is a pool that runs work on goroutines that are used again: a new one would grow its
// stack anew, step by step, for each change.
type workers struct {
	// life ends the waiting.
	life context.Context //nolint:containedctx // the life of the crew is not that of a call
	// idle takes work to one that waits.
	idle chan func()

	mu      sync.Mutex
	waiting int
}

func newCrew(life context.Context) *workers { return &workers{life: life, idle: make(chan func())} }

// take begins with work at once.
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

// next waits for more work. It is nil where enough others wait, or when the
// life of the pool has ended.
func (c *workers) next() func() {
	if !c.sit() {
		return nil
	}
	defer c.stand()
	select {
	case work := <-c.idle:
		return work
	case <-c.life.Done():
		return nil
	}
}

func (c *workers) sit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == mostIdle {
		return false
	}
	c.waiting++
	return true
}

func (c *workers) stand() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
}
