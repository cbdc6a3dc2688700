package audit

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// flushEvery is the interval between attempts on a failing sink.
	flushEvery = 100 * time.Millisecond
	// maxFlush is the maximum number of alarms per call of the sink.
	maxFlush = 256
)

// backlog is a queue of alarms that are not durable yet, oldest first. One goroutine writes them to
// the sink, so that each alarm is written once.
type backlog struct {
	limit   int
	wake    chan struct{}
	closing chan struct{}

	mu      sync.Mutex
	waiting []Record
	// over reports that nothing is flushed any more.
	over bool
}

// add appends a record. It returns false if the backlog writes nothing any more.
func (b *backlog) add(r Record) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.waiting = append(b.waiting, r)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

func (b *backlog) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// excess returns the number of pending alarms if it exceeds the limit, else 0.
func (b *backlog) excess() int {
	if n := b.len(); n > b.limit {
		return n
	}
	return 0
}

// flush writes until the backlog is closed and empty, or ctx ends.
func (b *backlog) flush(ctx context.Context, sink Sink) {
	records := make([]Record, 0, maxFlush)
	for b.wait(ctx) {
		records = b.oldest(records[:0])
		if sink.Append(ctx, records...) == nil {
			b.written(len(records))
			continue
		}
		timer := time.NewTimer(flushEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// wait returns true when there are records to write, and false when no more will come.
func (b *backlog) wait(ctx context.Context) bool {
	for b.len() == 0 {
		select {
		case <-b.wake:
		case <-b.closing:
			return b.len() > 0
		}
	}
	return ctx.Err() == nil
}

func (b *backlog) oldest(records []Record) []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append(records, b.waiting[:min(len(b.waiting), maxFlush)]...)
}

func (b *backlog) written(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = slices.Delete(b.waiting, 0, n)
}

func (b *backlog) close() { close(b.closing) }

// rest returns the records still pending, and makes add refuse further records.
func (b *backlog) rest() []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	return slices.Clone(b.waiting)
}
