// Package bolt keeps records in one file of this machine, with a journal beside
// it.
//
// It must not know what the records mean, nor that other replicas exist: one
// process at a time holds the file.
//
// A change is durable when it is in the journal, which takes one write and one
// sync for all changes that wait. What the journal holds is in memory too, and
// is put into the file in the background, a lot at a time.
package bolt

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/journal"
)

// queued is how many changes wait inside the store; more wait outside.
const queued = 1024

// Config says where the records are.
type Config struct {
	// File is the path of the file. Its folder must exist. It is created with
	// mode 0600, and given that mode where others could read it. The journal
	// beside it has its name with .journal-a and .journal-b behind.
	File string
	// Journal opens a file of the journal. Nil: journal.OpenFile. Tests have
	// disks that fail.
	Journal func(path string) (journal.File, error)
	// Key returns the operator's key, with which records are sealed against
	// changes. It is told the identifier of the store and whether nothing was
	// ever kept in it. Its error refuses the start. Nil: there is no key, and
	// records are sealed against damage only.
	Key func(store string, fresh bool) ([]byte, error)
}

// Store is a records.Store in a file.
type Store struct {
	file    *file
	failed  func(error) error
	damages *atomic.Uint64
	recent  recent
	queue   chan *change
	closing chan struct{}
	stopped chan struct{}
	once    sync.Once
	err     error
}

var _ records.Store = (*Store)(nil)

// Open opens the file or makes it, and brings it up to date from its journal.
// It fails within about a second where another process holds it, and where the
// journal lacks what was acknowledged. The store must be closed.
func Open(c Config) (*Store, error) {
	o, err := openFiles(c)
	if err != nil {
		return nil, err
	}
	return start(o), nil
}

// start makes the store of an open file and a journal with nothing in it.
func start(o *opened) *Store {
	s := &Store{
		file:    o.file,
		damages: &atomic.Uint64{},
		recent:  recent{active: make(memory)},
		queue:   make(chan *change, queued),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	s.damages.Store(uint64(len(o.damaged)))
	s.failed = func(err error) error {
		if _, one := errors.AsType[damaged](err); one {
			s.damages.Add(1)
			return records.Damaged(err)
		}
		return records.Unavailable(err)
	}
	k := &keeper{file: o.file, jobs: make(chan job, 1), done: make(chan error, 1), stopped: make(chan struct{})}
	w := &writer{
		recent: &s.recent, log: o.log, label: o.label, witness: o.witness, failed: s.failed, keeper: k, queue: s.queue,
		batch: batch{items: make(memory)}, tick: time.NewTimer(turnAfter), armed: true,
	}
	go k.keep()
	go func() {
		defer close(s.stopped)
		w.write(s.closing)
		s.err = w.end()
		close(k.jobs)
		<-k.stopped
	}()
	return s
}

// Get returns those of the records that exist and have not expired.
func (s *Store) Get(ctx context.Context, keys ...string) (map[string]records.Entry, error) {
	if err := records.CheckKeys(keys); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	found, err := s.read(keys)
	if err != nil {
		return nil, s.failed(err)
	}
	return found, nil
}

// Healthy returns an error where changes are refused since a file of the store
// is not in its place or was cut.
func (s *Store) Healthy() error { return s.file.guard.check() }

// Damaged is how many records were found that are not what was written: at the
// start, and each time that one was asked for.
func (s *Store) Damaged() uint64 { return s.damages.Load() }

// Change does as records.Store says. Where ctx ends while the change waits, the
// error is that of ctx and the change may happen or not; decide is not asked
// after Change returned. Where a write fails, all changes that were written
// together fail, those whose decide gave an error too, since it may rest on
// what was not written. decide must not use the store.
func (s *Store) Change(ctx context.Context, keys []string, decide records.Decide) error {
	if err := records.CheckKeys(keys); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	c := &change{keys: keys, decide: decide, done: make(chan error, 1)}
	select {
	case s.queue <- c:
	case <-s.stopped:
		return records.Unavailable(records.ErrClosed)
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		c.leave()
		return c.outcome(fault.From(ctx.Err()))
	case <-s.stopped:
		return c.outcome(records.Unavailable(records.ErrClosed))
	}
}

// Close waits for the write that runs, refuses the changes that wait, puts what
// the journal holds into the file, and gives it back. Where that fails nothing
// is lost: the next Open does it. Close may be called again.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		<-s.stopped
		s.recent.close()
		s.err = errors.Join(s.err, s.file.close())
	})
	return s.err
}
