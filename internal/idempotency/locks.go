package idempotency

import (
	"context"
	"slices"
	"sync"
)

// locks serializes changes of an object within the process. A claim on several objects gets all or none, in
// FIFO order. A claim enters all its queues at once, so the order is the same in every queue and there is no
// deadlock.
type locks struct {
	mu sync.Mutex
	// lines holds the queue of claims of each object. The first claim of a queue has the object.
	lines map[string][]*claim
}

// claim is a request for the locks of some objects.
type claim struct {
	locks   *locks
	objects []string
	// behind is the number of queues in which c is not first. ready is closed when behind reaches 0. It is
	// nil if behind was 0 at the start.
	behind int
	ready  chan struct{}
	// urged is closed when c is urgent or an urgent claim waits for c.
	urged  chan struct{}
	urgent bool
	// left says that free has been called.
	left bool
	// alone is memory for the queue of the first object, while c is alone in the queue.
	alone [1]*claim
}

func newLocks() *locks { return &locks{lines: make(map[string][]*claim)} }

// wait waits for all objects. If ctx ends first, wait frees the claim and returns the error of ctx.
func (c *claim) wait(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	default:
	}
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		c.free()
		return ctx.Err()
	}
}

// markUrgent makes c urgent, and all claims before c in its queues. Every claim before an urgent claim is urgent.
func (l *locks) markUrgent(c *claim) {
	c.urgent = true
	close(c.urged)
	for _, o := range c.objects {
		line := l.lines[o]
		for at := slices.Index(line, c) - 1; at >= 0 && !line[at].urgent; at-- {
			l.markUrgent(line[at])
		}
	}
}

// enter queues the claim c on objects, each named once. While an urgent claim waits, the claims that block it are
// urgent: their urged is closed.
func (l *locks) enter(c *claim, objects []string, urgent bool) {
	*c = claim{locks: l, objects: objects, urged: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range c.objects {
		line := l.lines[o]
		switch {
		case len(line) > 0:
			c.behind++
		case i == 0:
			line = c.alone[:0]
		}
		l.lines[o] = append(line, c)
	}
	if c.behind > 0 {
		c.ready = make(chan struct{})
	}
	if urgent {
		l.markUrgent(c)
	}
}

// free releases the objects. It may be called several times.
func (c *claim) free() {
	l := c.locks
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.left {
		return
	}
	c.left = true
	for _, o := range c.objects {
		line := l.lines[o]
		at := slices.Index(line, c)
		line = slices.Delete(line, at, at+1)
		if len(line) == 0 {
			delete(l.lines, o)
			continue
		}
		l.lines[o] = line
		if at > 0 {
			continue
		}
		if first := line[0]; first.behind == 1 {
			first.behind = 0
			close(first.ready)
		} else {
			first.behind--
		}
	}
}

// distinct returns the objects sorted and without duplicates.
func distinct(objects []string) []string {
	if len(objects) < 2 {
		return objects
	}
	return slices.Compact(slices.Sorted(slices.Values(objects)))
}
