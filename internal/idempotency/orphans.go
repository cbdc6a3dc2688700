package idempotency

import (
	"sync"
	"time"
)

const (
	// rescues is how many intents are recovered at once.
	rescues = 8
	// firstRetry and lastRetry bound the time between two tries.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// orphan is an open intent whose owner is gone.
type orphan struct {
	id string
	// since is when its owner was certainly gone.
	since time.Time
	// next is when to try it, delay the time to the try after that.
	next  time.Time
	delay time.Duration
	busy  bool
}

// orphans knows the intents that are to be recovered.
type orphans struct {
	mu    sync.Mutex
	known map[string]*orphan
	busy  int
	// searched says that those of earlier lives are known.
	searched bool
	// wake says that there is something to do.
	wake chan struct{}
}

func newOrphans() *orphans {
	return &orphans{known: make(map[string]*orphan), wake: make(chan struct{}, 1)}
}

// add notes an intent that lost its owner just now.
func (o *orphans) add(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.note(id, time.Now())
	o.rouse()
}

func (o *orphans) note(id string, now time.Time) {
	if _, ok := o.known[id]; !ok {
		o.known[id] = &orphan{id: id, since: now, next: now, delay: firstRetry}
	}
}

func (o *orphans) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// merge adds what a search found. What is known and has an owner again, or has
// ended, is noticed when it is tried.
func (o *orphans) merge(found []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for _, id := range found {
		o.note(id, now)
	}
	o.searched = true
}

// none says whether it is known that there are no orphans.
func (o *orphans) none() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.searched && len(o.known) == 0
}

// due marks those that are to be tried now as busy and returns them, with the
// time of the next, at most latest.
func (o *orphans) due(now, latest time.Time) (ready []*orphan, next time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	next = latest
	for _, x := range o.known {
		switch {
		case x.busy:
		case x.next.After(now):
			if x.next.Before(next) {
				next = x.next
			}
		case o.busy < rescues:
			x.busy = true
			o.busy++
			ready = append(ready, x)
		}
	}
	return ready, next
}

// ended forgets x.
func (o *orphans) ended(x *orphan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.known, x.id)
	o.busy--
	o.rouse()
}

// later puts x off: until a time, or for longer each time where that is zero.
func (o *orphans) later(x *orphan, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at.IsZero() {
		at = time.Now().Add(x.delay)
		x.delay = min(2*x.delay, lastRetry)
	}
	x.next, x.busy = at, false
	o.busy--
	o.rouse()
}
