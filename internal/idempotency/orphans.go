package idempotency

import (
	"sync"
	"time"
)

const (
	// maxRecoveries is the maximum number of parallel recoveries.
	maxRecoveries = 8
	// firstRetry and lastRetry bound the time between two attempts.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// orphan is an open intent without a living owner.
type orphan struct {
	id string
	// since is a time at which the owner was certainly gone.
	since time.Time
	// next is the time of the next attempt, delay the pause after that attempt.
	next  time.Time
	delay time.Duration
	busy  bool
}

// orphans holds the intents to recover.
type orphans struct {
	mu    sync.Mutex
	known map[string]*orphan
	busy  int
	// searched says that at least one search has completed, so intents of earlier processes are known.
	searched bool
	// wake signals that there is work.
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

// merge adds the result of a search. An intent that has ended or has an owner again is dropped when it is
// tried.
func (o *orphans) merge(found []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for _, id := range found {
		o.note(id, now)
	}
	o.searched = true
}

// none reports whether it is certain that there are no orphans.
func (o *orphans) none() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.searched && len(o.known) == 0
}

// due returns the orphans to try now and marks them as busy. next is the time of the next attempt, at most
// latest.
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
		case o.busy < maxRecoveries:
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

// later schedules the next attempt at the given time. If that is zero, later uses exponential backoff.
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
