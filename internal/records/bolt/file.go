package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

var errBroken = errors.New("the records file failed in a way that it cannot be read any more until the next start")

// file is the records file while it is open. It is mapped into memory, so a page
// that was cut off faults, and bbolt panics where it finds what it does not
// expect. Both are errors here. After one of them bbolt may hold its locks for
// good, so it is not used again.
type file struct {
	db     *bbolt.DB
	seals  *seals
	guard  *guard
	broken atomic.Bool
}

// begin begins to read. The transaction goes to view, or is rolled back.
func (f *file) begin() (tx *bbolt.Tx, err error) {
	err = f.careful(func() error {
		tx, err = f.db.Begin(false)
		return err
	})
	return tx, err
}

// view reads in a transaction and ends it.
func (f *file) view(tx *bbolt.Tx, do func(*table) error) error {
	return f.careful(func() error {
		defer func() { _ = tx.Rollback() }() // the end of a reader has nothing that could fail
		return f.table(tx, do)
	})
}

// read is one transaction that reads.
func (f *file) read(do func(*table) error) error {
	tx, err := f.begin()
	if err != nil {
		return err
	}
	return f.view(tx, do)
}

// update is one transaction that writes: all of it or nothing.
func (f *file) update(do func(*table) error) error {
	return f.careful(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			return f.table(tx, func(t *table) error {
				if err := do(t); err != nil {
					return err
				}
				return t.keepTally()
			})
		})
	})
}

func (f *file) table(tx *bbolt.Tx, do func(*table) error) error {
	t := tableOf(tx, f.seals)
	defer t.close()
	return do(t)
}

// careful does something with the file.
func (f *file) careful(do func() error) (err error) {
	if f.broken.Load() {
		return errBroken
	}
	if err := f.guard.readable(); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			f.broken.Store(true)
			err = fmt.Errorf("%w: %v", errBroken, p)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return do()
}

// close gives the file back, unless bbolt may wait for itself.
func (f *file) close() error {
	if !f.broken.Load() && f.guard.readable() == nil {
		return f.db.Close()
	}
	return errBroken
}
