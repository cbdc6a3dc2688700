// Package fields encodes small records as fields in a fixed order, and decodes them. A record
// begins with the version of its layout. Fields have no names, so the encoding and the decoding
// code of a layout must stay together.
//
// Numbers are varints. Texts and lists are prefixed with their length.
//
// The package does not know the meaning of the fields.
package fields

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ErrRecord is in the error of a record that does not have the requested layout.
var ErrRecord = errors.New("the record is damaged, or of another version")

// Begin begins a record with the version of its layout. size is the expected size of the record, in bytes.
func Begin(version byte, size int) []byte { return BeginIn(make([]byte, 0, size), version) }

// BeginIn is Begin in memory of the caller, which is empty.
func BeginIn(room []byte, version byte) []byte { return append(room, version) }

// Int appends a number.
func Int[N ~int | ~int64](b []byte, n N) []byte { return binary.AppendVarint(b, int64(n)) }

// Bool appends a boolean.
func Bool(b []byte, is bool) []byte {
	if is {
		return append(b, 1)
	}
	return append(b, 0)
}

// Text appends a text or bytes.
func Text[T ~string | ~[]byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// Texts appends a list of texts.
func Texts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, t := range texts {
		b = Text(b, t)
	}
	return b
}

// Map appends a map, in the order of its keys.
func Map(b []byte, m map[string]string) []byte {
	b = binary.AppendUvarint(b, uint64(len(m)))
	if len(m) == 0 {
		return b
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b = Text(Text(b, key), m[key])
	}
	return b
}

// Time appends a time with nanoseconds and without its zone.
func Time(b []byte, t time.Time) []byte {
	return Int(Int(b, t.Unix()), t.Nanosecond())
}

// Decoder decodes the fields of a record in the order of encoding. After a field that cannot be
// decoded, all further fields have their zero value, and End returns an error.
type Decoder struct {
	rest []byte
	bad  bool
}

// Read begins to decode a record of a version.
func Read(record []byte, version byte) *Decoder {
	if len(record) == 0 || record[0] != version {
		return &Decoder{bad: true}
	}
	return &Decoder{rest: record[1:]}
}

// End returns an error unless all fields were decoded and no bytes are left.
func (r *Decoder) End() error {
	if r.bad || len(r.rest) > 0 {
		return fmt.Errorf("a record cannot be read: %w", ErrRecord)
	}
	return nil
}

func (r *Decoder) fail() {
	r.rest, r.bad = nil, true
}

// Int reads a number.
func (r *Decoder) Int() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// Bool reads a boolean.
func (r *Decoder) Bool() bool {
	if len(r.rest) == 0 || r.rest[0] > 1 {
		r.fail()
		return false
	}
	is := r.rest[0] == 1
	r.rest = r.rest[1:]
	return is
}

// Bytes reads bytes, or nil if empty. The result shares memory with the record.
func (r *Decoder) Bytes() []byte {
	n := r.count()
	if n == 0 {
		return nil
	}
	text := r.rest[:n:n]
	r.rest = r.rest[n:]
	return text
}

// Text reads a text.
func (r *Decoder) Text() string { return string(r.Bytes()) }

// Texts reads a list of texts, or nil if empty.
func (r *Decoder) Texts() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = r.Text()
	}
	return texts
}

// Map reads a map, or nil if empty.
func (r *Decoder) Map() map[string]string {
	n := r.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		key := r.Text()
		m[key] = r.Text()
	}
	return m
}

// Time reads a time, in UTC.
func (r *Decoder) Time() time.Time {
	seconds := r.Int()
	return time.Unix(seconds, r.Int()).UTC()
}

// count reads a length. Each element takes at least a byte, so a length above the number of
// remaining bytes is an error.
func (r *Decoder) count() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)-size) { //nolint:gosec // size is at most the number of bytes
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return int(n) //nolint:gosec // at most the number of bytes
}
