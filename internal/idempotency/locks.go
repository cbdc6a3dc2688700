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
	objects []string
	// behind is in how many lines others stand before it.
	behind int
	ready  chan struct{}
	// urged is closed when c is urgent or an urgent one waits for it.
	urged  chan struct{}
	urgent bool
}

func newLocks() *locks { return &locks{lines: make(map[string][]*claim)} }

// take waits for all objects, each named once, and returns what gives them back, which may be
// called several times. While an urgent one waits, all that it waits for are
// urgent too: their urged is closed. Its error is that of ctx.
func (l *locks) take(ctx context.Context, objects []string, urgent bool) (free func(), urged <-chan struct{}, err error) {
	c := l.enter(objects, urgent)
	free = sync.OnceFunc(func() { l.leave(c) })
	select {
	case <-c.ready:
		return free, c.urged, nil
	default:
	}
	select {
	case <-c.ready:
		return free, c.urged, nil
	case <-ctx.Done():
		free()
		return nil, nil, ctx.Err()
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

func (l *locks) enter(objects []string, urgent bool) *claim {
	c := &claim{objects: objects, ready: make(chan struct{}), urged: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range c.objects {
		if len(l.lines[o]) > 0 {
			c.behind++
		}
		l.lines[o] = append(l.lines[o], c)
	}
	if c.behind == 0 {
		close(c.ready)
	}
	if urgent {
		l.urge(c)
	}
	return c
}

func (l *locks) leave(c *claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
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
