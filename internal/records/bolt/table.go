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
// what has ended.
var (
	lasting = []byte("lasting")
	ending  = []byte("ending")
	ends    = []byte("ends")
)

// endSize is how many bytes of an end stand before a value or a key.
const endSize = 8

// table is the records as one transaction sees them.
type table struct {
	lasting, ending, ends *bbolt.Bucket
	// written is about how many bytes were put or dropped.
	written int
}

// create makes the tables that are missing.
func create(tx *bbolt.Tx) error {
	for _, name := range [][]byte{lasting, ending, ends} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

func tableOf(tx *bbolt.Tx) *table {
	return &table{lasting: tx.Bucket(lasting), ending: tx.Bucket(ending), ends: tx.Bucket(ends)}
}

// readAll returns those of the records that exist at a time.
func (t *table) readAll(keys []string, at time.Time) map[string]records.Entry {
	found := make(map[string]records.Entry, len(keys))
	for _, key := range keys {
		if e, ok := t.read(key, at); ok {
			found[key] = e
		}
	}
	return found
}

// read copies a record, since what bbolt returns is gone with the transaction.
func (t *table) read(key string, at time.Time) (records.Entry, bool) {
	if value := t.lasting.Get([]byte(key)); value != nil {
		return records.Entry{Value: bytes.Clone(value)}, true
	}
	value := t.ending.Get([]byte(key))
	if len(value) < endSize {
		return records.Entry{}, false
	}
	end := records.End(endIn(value))
	if !end.After(at) {
		return records.Entry{}, false
	}
	return records.Entry{Value: bytes.Clone(value[endSize:]), Expires: end}, true
}

// set puts a record, or drops it where e is nil.
func (t *table) set(key string, e *records.Entry) error {
	if e == nil {
		return t.drop([]byte(key))
	}
	t.written += len(key) + len(e.Value) + 1
	end := records.Until(e.Expires)
	if end != 0 {
		return t.putEnding([]byte(key), end, e.Value)
	}
	if err := t.dropEnding([]byte(key)); err != nil {
		return err
	}
	// A copy: the caller may have left by the time that bbolt writes it.
	return t.lasting.Put([]byte(key), append(make([]byte, 0, len(e.Value)), e.Value...))
}

func (t *table) putEnding(key []byte, end int64, value []byte) error {
	if err := t.drop(key); err != nil {
		return err
	}
	if err := t.ends.Put(behindEnd(end, key), nil); err != nil {
		return err
	}
	return t.ending.Put(key, behindEnd(end, value))
}

func (t *table) drop(key []byte) error {
	t.written += len(key)
	if err := t.lasting.Delete(key); err != nil {
		return err
	}
	return t.dropEnding(key)
}

func (t *table) dropEnding(key []byte) error {
	old := t.ending.Get(key)
	if old == nil {
		return nil
	}
	if err := t.ends.Delete(behindEnd(endIn(old), key)); err != nil {
		return err
	}
	return t.ending.Delete(key)
}

// ended returns the keys of at most limit records that had ended at a time.
func (t *table) ended(at time.Time, limit int) [][]byte {
	var keys [][]byte
	c := t.ends.Cursor()
	for k, _ := c.First(); k != nil && len(keys) < limit; k, _ = c.Next() {
		if records.End(endIn(k)).After(at) {
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
