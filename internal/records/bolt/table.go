package bolt

import (
	"bytes"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/records"
)

// The names of the tables. Lasting holds the records without an end, so that a
// scan reads nothing else. Ending holds the others. Ends has an empty entry for
// each of these, its key the end and the key, so that a sweep finds in order
// what has ended. Log is about the journal beside the file.
var (
	lasting = []byte("lasting")
	ending  = []byte("ending")
	ends    = []byte("ends")
	log     = []byte("journal")
)

// endSize is how many bytes of an end stand before a value or a key.
const endSize = 8

// table is the records as one transaction sees them.
type table struct {
	tx                    *bbolt.Tx
	lasting, ending, ends *bbolt.Bucket
	// Each search with a cursor of its own would be a few allocations.
	inLasting, inEnding *bbolt.Cursor
	key                 []byte

	seals *seals
	seal  *sealer
	// tally is that of the records. An update writes it at its end.
	tally tally
}

// tableOf is the records in a transaction. It must be closed.
func tableOf(tx *bbolt.Tx, s *seals) *table {
	t := &table{
		tx: tx, lasting: tx.Bucket(lasting), ending: tx.Bucket(ending), ends: tx.Bucket(ends),
		seals: s, seal: s.take(), tally: tallyOf(tx.Bucket(log).Get(keyTally)),
	}
	t.inLasting, t.inEnding = t.lasting.Cursor(), t.ending.Cursor()
	return t
}

func (t *table) close() { t.seals.give(t.seal) }

// at is the value that a cursor finds at a key, nil where there is none.
func at(c *bbolt.Cursor, key []byte) []byte {
	if k, value := c.Seek(key); bytes.Equal(k, key) {
		return value
	}
	return nil
}

// apply notes up to which mark the journal is in the tables, and which was its
// last durable frame.
func (t *table) apply(mark, reached uint64) error {
	return putAll(t.tx.Bucket(log), []pair{{keyApplied, u64(mark)}, {keyReached, u64(reached)}})
}

// keepTally writes the tally at the end of an update.
func (t *table) keepTally() error { return t.tx.Bucket(log).Put(keyTally, t.tally.bytes()) }

// read copies a record, since what bbolt returns is gone with the transaction.
func (t *table) read(key string, now time.Time) (records.Entry, bool, error) {
	t.key = append(t.key[:0], key...)
	kept, has := at(t.inLasting, t.key), 0
	if kept == nil {
		if kept, has = at(t.inEnding, t.key), endSize; kept == nil {
			return records.Entry{}, false, nil
		}
	}
	value, _, whole := t.seal.open(t.key, bytes.Clone(kept))
	if !whole || len(value) < has {
		return records.Entry{}, false, damaged{key: key}
	}
	i := item{kept: value}
	if has > 0 {
		i.end = endIn(value)
	}
	e, exists := i.entry(now)
	return e, exists, nil
}

// putLasting puts a record without an end.
func (t *table) putLasting(key, value []byte) error {
	if err := t.drop(key); err != nil {
		return err
	}
	return t.put(t.lasting, key, value)
}

// putEnding does so with a record that has an end, which stands before the
// value.
func (t *table) putEnding(key []byte, end int64, value []byte) error {
	if err := t.drop(key); err != nil {
		return err
	}
	if err := t.ends.Put(behindEnd(end, key), nil); err != nil {
		return err
	}
	return t.put(t.ending, key, value)
}

func (t *table) put(b *bbolt.Bucket, key, value []byte) error {
	kept := t.seal.sealed(key, value)
	t.tally.add(kept)
	return b.Put(key, kept)
}

func (t *table) drop(key []byte) error {
	if old := at(t.inLasting, key); old != nil {
		t.tally.remove(old)
		if err := t.lasting.Delete(key); err != nil {
			return err
		}
	}
	return t.dropEnding(key)
}

func (t *table) dropEnding(key []byte) error {
	old := at(t.inEnding, key)
	if old == nil {
		return nil
	}
	if len(old) >= endSize {
		if err := t.ends.Delete(behindEnd(endIn(old), key)); err != nil {
			return err
		}
	}
	t.tally.remove(old)
	return t.ending.Delete(key)
}

// ended returns the keys of at most limit records that had ended at a time.
func (t *table) ended(now time.Time, limit int) [][]byte {
	var keys [][]byte
	c := t.ends.Cursor()
	for k, _ := c.First(); k != nil && len(keys) < limit; k, _ = c.Next() {
		if records.End(endIn(k)).After(now) {
			break
		}
		keys = append(keys, bytes.Clone(k[endSize:]))
	}
	return keys
}

// endIn reads the end before a value or a key.
func endIn(b []byte) int64 {
	//nolint:gosec // Written by behindEnd from an int64.
	return int64(binary.BigEndian.Uint64(b))
}

// behindEnd writes an end and b behind it, in the order of ends.
func behindEnd(end int64, b []byte) []byte {
	out := make([]byte, 0, endSize+len(b))
	//nolint:gosec // records.Until is never negative.
	out = binary.BigEndian.AppendUint64(out, uint64(end))
	return append(out, b...)
}
