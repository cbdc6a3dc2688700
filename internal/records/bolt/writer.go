package bolt

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	// mostChanges and mostBytes bound what is written together, so that the
	// first of many waits for no more than a large record takes anyway.
	mostChanges = 1024
	mostBytes   = 16 << 20
	// sweepEvery is the pause between two looks for records that have ended,
	// and sweepAgain the pause when a look did not get to the end of them.
	sweepEvery = time.Minute
	sweepAgain = 20 * time.Millisecond
	// sweepStep is how many of them go at once, so that changes wait little.
	sweepStep = 500
)

var (
	errNothing = errors.New("nothing to write")
	errLeft    = errors.New("the caller has left")
)

// change is one call of Change on its way through the writer.
type change struct {
	keys []string
	// done takes what the caller gets, once.
	done chan error
	// err is what decide said.
	err error

	// mu is held while decide runs, so that no caller leaves under it.
	mu     sync.Mutex
	left   bool
	decide records.Decide
}

// leave says that nobody waits any more. When it returns, decide is not running
// and will not be asked again.
func (c *change) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
}

// outcome is what became of the change, or err where nothing is known.
func (c *change) outcome(err error) error {
	select {
	case known := <-c.done:
		return known
	default:
		return err
	}
}

// ask asks decide. Its panic is an error of this change, since the writer
// serves others too.
func (c *change) ask(now map[string]records.Entry) (changes map[string]*records.Entry, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return nil, errLeft
	}
	defer func() {
		if p := recover(); p != nil {
			changes, err = nil, fault.From(fmt.Errorf("records: decide panicked: %v", p))
		}
	}()
	return c.decide(now)
}

// apply makes the change in a transaction. Its error is one of the file.
func (c *change) apply(t *table) error {
	for key, e := range c.changes(t) {
		if err := t.set(key, e); err != nil {
			return err
		}
	}
	return nil
}

// changes is what decide wants, nothing where it refuses or is mistaken, which
// is kept for the caller.
func (c *change) changes(t *table) map[string]*records.Entry {
	changes, err := c.ask(t.readAll(c.keys, time.Now()))
	if err == nil {
		err = records.CheckChanges(c.keys, changes)
	}
	if c.err = err; err != nil {
		return nil
	}
	return changes
}

// write is the only writer of the file. It ends when the store is closed.
func (s *Store) write() {
	defer close(s.stopped)
	sweep := time.NewTimer(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-s.closing:
			return
		default:
		}
		select {
		case <-s.closing:
			return
		case c := <-s.queue:
			s.commit(c)
		case <-sweep.C:
			sweep.Reset(s.sweep())
		}
	}
}

// commit writes a change and all that wait behind it, and then tells each what
// became of it: not before, as an error of decide may rest on a change that is
// written with it.
func (s *Store) commit(first *change) {
	var batch []*change
	err := s.update(func(t *table) error {
		for c := first; c != nil; c = s.next(len(batch), t.written) {
			batch = append(batch, c)
			if err := c.apply(t); err != nil {
				return err
			}
		}
		if t.written == 0 {
			return errNothing
		}
		return nil
	})
	for _, c := range batch {
		if err != nil && !errors.Is(err, errNothing) {
			c.err = records.Unavailable(err)
		}
		c.done <- c.err
	}
}

// next is a change that waits, nil where none does or enough are taken.
func (s *Store) next(taken, written int) *change {
	if taken >= mostChanges || written >= mostBytes {
		return nil
	}
	select {
	case c := <-s.queue:
		return c
	default:
		return nil
	}
}

// sweep drops some of the records that have ended and says when to look again.
// A failure is left to the next look.
func (s *Store) sweep() time.Duration {
	found := 0
	err := s.db.View(func(tx *bbolt.Tx) error {
		found = len(tableOf(tx).ended(time.Now(), 1))
		return nil
	})
	if err != nil || found == 0 {
		return sweepEvery
	}
	err = s.update(func(t *table) error {
		keys := t.ended(time.Now(), sweepStep)
		found = len(keys)
		for _, key := range keys {
			if err := t.dropEnding(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || found < sweepStep {
		return sweepEvery
	}
	return sweepAgain
}

// update is one transaction. A damaged file can make bbolt panic, which is an
// error here: the process has more to do than this file.
func (s *Store) update(do func(*table) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the records file is damaged: %v", p)
		}
	}()
	return s.db.Update(func(tx *bbolt.Tx) error { return do(tableOf(tx)) })
}
