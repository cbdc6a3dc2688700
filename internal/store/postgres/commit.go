package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

const (
	// firstPause and longestPause limit the backoff before another attempt.
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
	// maxGroup is the maximum number of commits per transaction.
	maxGroup = 256
)

// request is a call of Commit.
type request struct {
	// ctx ends when the caller stops waiting.
	ctx    context.Context //nolint:containedctx // the context of the waiting call
	keys   []string
	decide store.Decide
	// now passes the records to the caller, and decided returns the result: decide runs in the
	// caller's goroutine.
	now     chan map[string]store.Record
	decided chan proposal
	done    chan error
}

// proposal is the result of a decide.
type proposal struct {
	changes store.Changes
	err     error
}

// Commit implements store.Store. If the response of the server is lost, Commit determines within
// the time limit whether the commit happened. STATE_UNAVAILABLE means that the commit did not
// happen, or that its outcome is unknown.
func (s *Store) Commit(ctx context.Context, keys []string, decide store.Decide, lazy ...store.Lazy) error {
	if err := store.CheckKeys(keys); err != nil {
		return err
	}
	if err := ended(ctx); err != nil {
		return fault.From(err)
	}
	var linger time.Duration
	for _, l := range lazy {
		linger = max(linger, time.Duration(l))
	}
	limited, cancel := context.WithTimeout(ctx, s.patience()+linger)
	defer cancel()
	keys = slices.Clone(keys)
	slices.Sort(keys)
	r := &request{
		ctx: limited, keys: slices.Compact(keys), decide: decide,
		now: make(chan map[string]store.Record), decided: make(chan proposal, 1), done: make(chan error, 1),
	}
	if !s.queue.add(r, linger) {
		return store.Unavailable(store.ErrClosed)
	}
	for {
		select {
		case now := <-r.now:
			r.decided <- r.run(now)
		case err := <-r.done:
			return err
		case <-limited.Done():
			return s.failed(ctx, limited.Err())
		}
	}
}

// run calls decide and checks the result.
func (r *request) run(now map[string]store.Record) proposal {
	changes, err := r.decide(now)
	if err == nil {
		err = store.CheckChanges(r.keys, changes.Records)
	}
	for i := range changes.Lines {
		switch changes.Lines[i].Kind {
		case audit.KindIntent, audit.KindOutcome, audit.KindAlarm, audit.KindDenial, audit.KindReload:
		default:
			err = fault.From(fmt.Errorf("store: an audit record of the kind %q, which is not for callers", changes.Lines[i].Kind))
		}
	}
	return proposal{changes: changes, err: err}
}

// ask makes the caller run its decide. It returns false if the caller stopped waiting.
func (r *request) ask(now map[string]store.Record) (proposal, bool) {
	select {
	case r.now <- now:
	case <-r.ctx.Done():
		return proposal{}, false
	}
	select {
	case d := <-r.decided:
		return d, true
	case <-r.ctx.Done():
		return proposal{}, false
	}
}

// queue holds the commits that wait for a transaction.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	closed  bool
	wake    chan struct{}
}

func newQueue() queue { return queue{wake: make(chan struct{}, 1)} }

// add appends a commit, which may wait up to wait for others. It returns false if the store is
// closed.
func (q *queue) add(r *request, wait time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	if wait > 0 {
		time.AfterFunc(wait, q.nudge)
		return true
	}
	q.nudge()
	return true
}

// putBack returns commits to the front of the queue for another attempt.
func (q *queue) putBack(group []*request) {
	if len(group) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(slices.Clone(group), q.waiting...)
	q.nudge()
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take removes the commits for one transaction. Commits whose caller stopped waiting are dropped.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	var group []*request
	n := 0
	for n < len(q.waiting) && len(group) < maxGroup {
		r := q.waiting[n]
		n++
		if r.ctx.Err() == nil {
			group = append(group, r)
		}
	}
	q.waiting = slices.Delete(q.waiting, 0, n)
	if len(q.waiting) > 0 {
		q.nudge()
	}
	return group
}

// close makes add refuse further commits.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.nudge()
}

// drained reports whether the queue is closed and empty.
func (q *queue) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.waiting) == 0
}

// pause waits for a random backoff that grows with the attempts.
func pause(ctx context.Context, attempt int) error {
	most := min(firstPause<<min(attempt, 10), longestPause)
	timer := time.NewTimer(rand.N(most)) //nolint:gosec // only for jitter
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
