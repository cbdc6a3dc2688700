package postgres

import (
	"context"
	"errors"
	"runtime"
	"time"
)

const (
	// lockAfter is the number of conflicts in a row after which a transaction takes the commit lock
	// before it reads.
	lockAfter = 3
	// mostYields is the number of times that the writer yields before a transaction, so that ready
	// commits share it.
	mostYields = 4
)

// writer makes the transactions, one at a time.
type writer struct {
	*Store
	// conflicts and failures count consecutive conflicts and failures.
	conflicts, failures int
	// since is the time of the first of the consecutive failures.
	since time.Time
	// started reports that this process has written its start record.
	started bool
	// room is a partition of the trail that is known to exist.
	room span
}

// write is the goroutine that makes transactions until the store is closed and the queue is empty.
func (s *Store) write() {
	w := &writer{Store: s}
	for !s.queue.drained() {
		<-s.queue.wake
		for range mostYields {
			runtime.Gosched()
		}
		if group := s.queue.take(); len(group) > 0 {
			w.round(group)
		}
	}
}

// round makes one attempt to commit a group, and handles the result.
func (w *writer) round(group []*request) {
	ctx, cancel := context.WithTimeout(w.life, w.config.Timeout)
	defer cancel()
	t := &transaction{writer: w, mark: newMark()}
	began := time.Now()
	err := t.run(ctx, group)
	if w.config.Observe != nil {
		w.config.Observe(time.Since(began), err)
	}
	if err != nil && t.sent && !answered(err) {
		happened, rerr := w.resolve(t)
		switch {
		case rerr != nil:
			w.fail(t.members, errors.Join(errUnknown, rerr))
			return
		case happened:
			w.seen.advance(t.point())
			err = nil
		default:
			// The receipt is taken, so the transaction cannot happen any more.
		}
	}
	if err == nil {
		w.succeed(t)
		return
	}
	err = w.explain(err)
	switch c := code(err); {
	case c == codeTaken:
		w.conflicts++
	case errors.Is(err, errNoRoom), c == codeNoPartition:
		// The partition is not known to this replica, was not created in advance, or was removed.
		w.ahead.Store(nil)
		if w.room, err = w.findRoom(ctx, t.at); err != nil {
			w.fail(t.members, err)
			return
		}
	case w.again(err):
		w.complain(err)
	default:
		w.fail(t.members, err)
		return
	}
	w.queue.putBack(t.members)
}

// again pauses, and reports whether a commit that did not happen is retried. It is not retried
// after the store has failed for the whole time limit, so that its callers get the error.
func (w *writer) again(err error) bool {
	if !errors.Is(err, errReadOnly) && (answered(err) || !passing(err)) {
		return false
	}
	if w.failures == 0 {
		w.since = time.Now()
	}
	_ = pause(w.life, w.failures)
	w.failures++
	return time.Since(w.since) < w.config.Timeout
}

// succeed sends the results to the callers.
func (w *writer) succeed(t *transaction) {
	w.conflicts, w.failures = 0, 0
	if w.failing.over() {
		w.config.Logger.Info("the PostgreSQL store works again")
	}
	if len(t.lines) > 0 {
		w.started = true
		w.unindexed.Store(true)
		if t.begins() {
			w.spans.add(w.room.beginning(int64(t.head.line.Seq()) + 1)) //nolint:gosec // It came from a bigint.
		}
	}
	for i, r := range t.members {
		r.done <- t.refusals[i]
	}
}

// fail tells the callers that their commits did not happen, or that the outcome is unknown.
func (w *writer) fail(group []*request, err error) {
	w.complain(err)
	for _, r := range group {
		r.done <- w.failed(w.life, err)
	}
}

// resolve determines whether a transaction happened whose response was lost, for as long as one of
// its callers waits. If the transaction did not happen, the receipt written by resolve prevents it
// from happening later.
func (w *writer) resolve(t *transaction) (happened bool, err error) {
	// If the transaction is still running, the insert waits for its end. The statement writes in
	// each case, so that its result is as durable as the disk and the standby require.
	const text = `insert into receipts (mark, asked_at) values ($1, clock_timestamp())
		on conflict (mark) do update set asked_at = excluded.asked_at
		returning commit is not null`
	err = errAbandoned
	for attempt := 0; t.awaited() && w.life.Err() == nil; attempt++ {
		ctx, cancel := context.WithTimeout(w.life, w.config.Timeout)
		err = w.writes.QueryRow(ctx, text, t.mark).Scan(&happened)
		cancel()
		if err == nil {
			return happened, nil
		}
		err = w.explain(err)
		w.complain(err)
		_ = pause(w.life, attempt)
	}
	return false, clean(err)
}

// awaited reports whether any caller still waits.
func (t *transaction) awaited() bool {
	for _, r := range t.members {
		if r.ctx.Err() == nil {
			return true
		}
	}
	return false
}

// point returns the transaction as a commit that was seen.
func (t *transaction) point() point {
	return point{Store: t.head.store, Commit: t.head.commit + 1, Mark: t.mark}
}
