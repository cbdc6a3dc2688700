package idempotency

import (
	"context"
	"slices"
	"sync"
)

// locks lets one at a time have an object. Whoever asks for several objects
// gets all or none, in the order of asking. Since each stands in all its lines
// at once, the order is the same in every line and no two wait for each other.
type locks struct {
	mu sync.Mutex
	// lines holds for each object who wants it. The first has it, as far as
	// the line is concerned.
	lines map[string][]*claim
}

// claim is one who wants objects.
type claim struct {
	locks   *locks
	objects []string
	// behind is in how many lines others stand before it, and ready is closed when
	// there are none any more. It is nil where there were none from the beginning.
	behind int
	ready  chan struct{}
	// urged is closed when c is urgent or an urgent one waits for it.
	urged  chan struct{}
	urgent bool
	// left says that the objects were given back.
	left bool
}

func newLocks() *locks { return &locks{lines: make(map[string][]*claim)} }

// wait waits for all objects. Its error is that of ctx; the objects are given back
// then.
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

// urge makes c urgent, and with it all that stand before it in a line. Before an
// urgent one in a line stand only urgent ones.
func (l *locks) urge(c *claim) {
	c.urgent = true
	close(c.urged)
	for _, o := range c.objects {
		line := l.lines[o]
		for at := slices.Index(line, c) - 1; at >= 0 && !line[at].urgent; at-- {
			l.urge(line[at])
		}
	}
}

// enter asks for objects, each named once. While an urgent claim waits, all that
// it waits for are urgent too: their urged is closed.
func (l *locks) enter(objects []string, urgent bool) *claim {
	c := &claim{locks: l, objects: objects, urged: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range c.objects {
		if len(l.lines[o]) > 0 {
			c.behind++
		}
		l.lines[o] = append(l.lines[o], c)
	}
	if c.behind > 0 {
		c.ready = make(chan struct{})
	}
	if urgent {
		l.urge(c)
	}
	return c
}

// free gives the objects back. It may be called several times.
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

// distinct returns the objects in order, each once.
func distinct(objects []string) []string {
	if len(objects) < 2 {
		return objects
	}
	return slices.Compact(slices.Sorted(slices.Values(objects)))
}
