package bolt

import (
	"bytes"
	"crypto/rand"
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

// The keys of the journal table: what the journal's frames are keyed with, and
// the mark up to which they are in the tables.
var (
	logKey  = []byte("key")
	applied = []byte("applied")
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
}

// create makes the tables that are missing.
func create(tx *bbolt.Tx) error {
	for _, name := range [][]byte{lasting, ending, ends, log} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	b := tx.Bucket(log)
	if b.Get(logKey) != nil {
		return nil
	}
	// Never another one: the frames of a journal are read with it.
	return b.Put(logKey, []byte(rand.Text()))
}

// created returns what the journal is opened with. The key is nil where tables
// are missing.
func created(tx *bbolt.Tx) (key []byte, mark uint64) {
	b := tx.Bucket(log)
	if b == nil || b.Get(logKey) == nil {
		return nil, 0
	}
	if text := b.Get(applied); len(text) == 8 {
		mark = binary.BigEndian.Uint64(text)
	}
	return bytes.Clone(b.Get(logKey)), mark
}

func tableOf(tx *bbolt.Tx) *table {
	t := &table{tx: tx, lasting: tx.Bucket(lasting), ending: tx.Bucket(ending), ends: tx.Bucket(ends)}
	t.inLasting, t.inEnding = t.lasting.Cursor(), t.ending.Cursor()
	return t
}

// at is the value that a cursor finds at a key, nil where there is none.
func at(c *bbolt.Cursor, key []byte) []byte {
	if k, value := c.Seek(key); bytes.Equal(k, key) {
		return value
	}
	return nil
}

// apply notes up to which mark the journal is in the tables.
func (t *table) apply(mark uint64) error {
	return t.tx.Bucket(log).Put(applied, binary.BigEndian.AppendUint64(nil, mark))
}

// read copies a record, since what bbolt returns is gone with the transaction.
func (t *table) read(key string, now time.Time) (records.Entry, bool) {
	t.key = append(t.key[:0], key...)
	if value := at(t.inLasting, t.key); value != nil {
		return item{kept: bytes.Clone(value)}.entry(now)
	}
	value := at(t.inEnding, t.key)
	if len(value) < endSize {
		return records.Entry{}, false
	}
	return item{kept: bytes.Clone(value), end: endIn(value)}.entry(now)
}

// putLasting puts a record without an end. The value must not change until the
// transaction has ended.
func (t *table) putLasting(key, value []byte) error {
	if err := t.dropEnding(key); err != nil {
		return err
	}
	return t.lasting.Put(key, value)
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
	return t.ending.Put(key, value)
}

func (t *table) drop(key []byte) error {
	if at(t.inLasting, key) != nil {
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
	if err := t.ends.Delete(behindEnd(endIn(old), key)); err != nil {
		return err
	}
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
