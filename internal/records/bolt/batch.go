package bolt

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/journal"
)

// mostChanges and mostBytes bound what is written together, so that the first
// of many waits for no more than a large record takes anyway.
const (
	mostChanges = 1024
	mostBytes   = 16 << 20
)

// batch is the changes that are written together. Each sees what those before
// it did.
type batch struct {
	changes []*change
	items   memory
	frame   []byte
	yields  int

	tx    *bbolt.Tx
	table *table
}

// begin makes the batch ready for the next use.
func (b *batch) begin(frame []byte) {
	clear(b.changes)
	clear(b.items)
	b.changes, b.frame, b.yields, b.table, b.tx = b.changes[:0], frame, 0, nil, nil
}

// end ends the reading of the file.
func (b *batch) end() {
	if b.tx != nil {
		b.table.close()
		// The end of a reader has nothing that could fail.
		_ = b.tx.Rollback()
		b.tx, b.table = nil, nil
	}
}

// full says whether no more changes should join.
func (b *batch) full() bool {
	return len(b.changes) >= mostChanges || journal.Length(b.frame) >= mostBytes
}

// fill takes a change and those that wait behind it. Its error is one of the
// file.
func (w *writer) fill(first *change) error {
	w.batch.begin(w.log.Frame())
	w.batch.changes = append(w.batch.changes, first)
	return w.keeper.careful(func() error {
		defer w.batch.end()
		for c := first; c != nil; {
			if err := w.take(c); err != nil {
				return err
			}
			if c = w.next(); c != nil {
				w.batch.changes = append(w.batch.changes, c)
			}
		}
		return nil
	})
}

// take writes a change into the frame. A record that is damaged fails this
// change alone.
func (w *writer) take(c *change) error {
	b := &w.batch
	now, err := w.now(c.keys)
	if _, one := errors.AsType[damaged](err); one {
		c.err = w.failed(err)
		return nil
	}
	if err != nil {
		return err
	}
	for key, e := range c.changes(now) {
		i := itemOf(e)
		b.items[key] = i
		b.frame = appendItem(b.frame, key, i)
	}
	return nil
}

// now is those of the records that exist, as the next change of the batch sees
// them. The writer alone changes what is recent, so it needs no lock.
func (w *writer) now(keys []string) (map[string]records.Entry, error) {
	b, at := &w.batch, time.Now()
	found := make(map[string]records.Entry, len(keys))
	for _, key := range keys {
		i, ok := b.items[key]
		if !ok {
			i, ok = w.recent.item(key)
		}
		var e records.Entry
		var err error
		if ok {
			e, ok = i.entry(at)
		} else {
			if err = w.open(); err != nil {
				return nil, err
			}
			if e, ok, err = b.table.read(key, at); err != nil {
				return nil, err
			}
		}
		if ok {
			found[key] = e
		}
	}
	return found, nil
}

// open begins to read the file, once in a batch.
func (w *writer) open() (err error) {
	if b := &w.batch; b.tx == nil {
		if b.tx, err = w.keeper.begin(); err == nil {
			b.table = tableOf(b.tx, w.keeper.seals)
		}
	}
	return err
}

// checkSize refuses changes that no frame can hold, also beside others.
func checkSize(changes map[string]*records.Entry) error {
	size := 0
	for key, e := range changes {
		size += len(key) + itemCost
		if e != nil {
			size += len(e.Value)
		}
	}
	if size > journal.MaxFrame-mostBytes {
		return fault.From(fmt.Errorf("records: a change of %d bytes; it may have %d", size, journal.MaxFrame-mostBytes))
	}
	return nil
}
