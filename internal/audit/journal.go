package audit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// defaultWait is below the second within which a call must be refused.
	defaultWait = 900 * time.Millisecond
	// maxBatch is about how many bytes one commit writes.
	maxBatch = 1 << 20
	// maxQueue is how many calls of Append may wait.
	maxQueue = 8192
	// An ill sink is tried again after firstProbe, and then after twice as long
	// each time, at most lastProbe.
	firstProbe = 20 * time.Millisecond
	lastProbe  = time.Second
)

// medium is where a Journal writes to. Its methods are called by one goroutine
// and may hang.
type medium interface {
	// commit makes the bodies durable, in their order, as the next lines of
	// the chain.
	commit(bodies [][]byte) error
	// repair goes back to the last committed line after commit failed. It may
	// be called again after it failed itself.
	repair() error
	end()
}

// settings are what all journals have in common.
type settings struct {
	maxWait time.Duration
	logger  *zap.Logger
	now     func() time.Time
}

func (s settings) withDefaults() settings {
	if s.maxWait <= 0 {
		s.maxWait = defaultWait
	}
	if s.logger == nil {
		s.logger = zap.NewNop()
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Journal is a Sink that commits in groups: one goroutine takes whatever waits,
// writes it at once and makes it durable once. When that fails it repairs and
// tries once more; when that fails too the journal is ill. Then it refuses at
// once, and tries by itself until it is well again. A write that hangs blocks
// that goroutine only.
type Journal struct {
	settings
	medium  medium
	wake    chan struct{}
	closing chan struct{}
	ended   chan struct{}
	pool    sync.Pool
	// busy is when the commit under way began, as nanoseconds since born, or 0.
	busy atomic.Int64
	born time.Time

	mu      sync.Mutex
	queue   []*request
	illness error
	closed  bool

	// The rest belongs to the writing goroutine.
	batch  []*request
	bodies [][]byte
	// owed are outcomes "not_sent" that have to be written.
	owed  [][]byte
	probe time.Duration
}

func newJournal(m medium, s settings) *Journal {
	j := &Journal{
		settings: s, medium: m, born: time.Now(),
		wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go j.run()
	return j
}

// Append implements Sink. The records must be of the kinds intent, outcome and
// denial. Nothing of them is kept when it returns.
func (j *Journal) Append(ctx context.Context, records ...Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := j.request()
	if err := r.fill(records, j.now); err != nil {
		return err
	}
	if err := j.enqueue(r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return j.release(r, err)
	case <-ctx.Done():
		if r.giveUp() {
			return fmt.Errorf("waiting for the audit record: %w", ctx.Err())
		}
		return j.release(r, <-r.done)
	}
}

func (j *Journal) enqueue(r *request) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.refusal(); err != nil {
		return err
	}
	if len(j.queue) >= maxQueue {
		return errQueue
	}
	j.queue = append(j.queue, r)
	j.nudge()
	return nil
}

// refusal says why nothing is taken now. It is called with mu held.
func (j *Journal) refusal() error {
	switch {
	case j.closed:
		return errClosed
	case j.illness != nil:
		return j.illness
	}
	if began := j.busy.Load(); began > 0 && time.Since(j.born)-time.Duration(began) > j.maxWait {
		return errHung
	}
	return nil
}

func (j *Journal) nudge() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Healthy implements Sink.
func (j *Journal) Healthy() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.refusal()
}

// Close implements Sink. Where a write hangs for longer than MaxWait it returns
// an error and leaves the goroutine behind, since nothing can end it.
func (j *Journal) Close() error {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.closing)
	}
	j.mu.Unlock()
	timer := time.NewTimer(j.maxWait)
	defer timer.Stop()
	select {
	case <-j.ended:
		return nil
	case <-timer.C:
		return errHung
	}
}

// Lost returns how many times this process found that records which were written
// are gone from their file.
func (j *Journal) Lost() int64 {
	if file, ok := j.medium.(*fileMedium); ok {
		return file.lost.Load()
	}
	return 0
}

func (j *Journal) request() *request {
	if r, ok := j.pool.Get().(*request); ok {
		return r
	}
	return &request{done: make(chan error, 1)}
}

// release gives a request back whose result was received, so that nobody else
// holds it.
func (j *Journal) release(r *request, err error) error {
	if cap(r.text) <= maxKept {
		r.reset()
		j.pool.Put(r)
	}
	return err
}
