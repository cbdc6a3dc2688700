package audit

import (
	"bytes"
	"encoding/hex"
	"hash"
	"strconv"
	"time"
)

// Place is a position in a chain: the number and the hash of a record. The zero Place is the
// position before the first record.
type Place = linePosition

// PlaceAt returns the place of the record with a number and a hash.
func PlaceAt(seq uint64, hash [hashBytes]byte) Place { return Place{seq: seq, hash: hash} }

// PlaceOf reads the place from a complete line, with or without its line feed. ok is false if the
// number or the hash cannot be parsed. PlaceOf checks nothing else.
func PlaceOf(line []byte) (p Place, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	number, found := bytes.CutPrefix(line, []byte(`{"seq":`))
	if !found || len(line) < tailBytes {
		return p, false
	}
	number = number[:max(0, bytes.IndexByte(number, ','))]
	digits := line[len(line)-2*hashBytes-len(`"}`):][:2*hashBytes]
	n, err := hex.Decode(p.hash[:], digits)
	if err != nil || n != hashBytes {
		return p, false
	}
	p.seq, err = strconv.ParseUint(string(number), 10, 64)
	return p, err == nil
}

// Seq is the number of the record.
func (p linePosition) Seq() uint64 { return p.seq }

// Hash is the hash of the record.
func (p linePosition) Hash() [hashBytes]byte { return p.hash }

// EndsLine reports whether a text ends with the line at this place.
func (p linePosition) EndsLine(text []byte) bool {
	want := append(hex.AppendEncode(nil, p.hash[:]), "\"}\n"...)
	return bytes.HasSuffix(text, want)
}

// LineEnd is the number of bytes of text that EndsLine reads.
const LineEnd = int64(2*hashBytes + len("\"}\n"))

// Origin identifies a chain. The zero Origin identifies none.
type Origin = origin

// NewOrigin makes the origin of a new chain. key is the key of the chain and may be empty.
func NewOrigin(key []byte) Origin { return newOrigin(key) }

// OriginOf returns the Origin with an identifier returned by ID.
func OriginOf(id string, keyed bool) Origin { return Origin{id: id, keyed: keyed} }

// ID is the identifier of the chain: 32 lower-case hexadecimal digits.
func (o origin) ID() string { return o.id }

// Keyed reports whether the chain has a key.
func (o origin) Keyed() bool { return o.keyed }

// Chain makes the lines of a chain. It is not safe for concurrent use.
type Chain struct {
	origin origin
	hash   hash.Hash
	at     linePosition
	body   []byte
}

// NewChain continues a chain after a place.
func NewChain(key []byte, o Origin, at Place) *Chain {
	return &Chain{origin: o, hash: newHash(key), at: at}
}

// At returns the place of the last line.
func (c *Chain) At() Place { return c.at }

// Origin returns the origin of the chain.
func (c *Chain) Origin() Origin { return c.origin }

// Rewind resets the chain to a place, because the lines after the place were not written.
func (c *Chain) Rewind(to Place) { c.at = to }

// Append writes a record as the next line. If the record has no time, its time is now. The kind
// must be an intent, an outcome, an alarm, a denial or a reload.
func (c *Chain) Append(dst []byte, r Record, now time.Time) ([]byte, error) {
	switch r.Kind {
	case KindIntent, KindOutcome, KindAlarm, KindDenial, KindReload:
	default:
		return dst, errKind
	}
	if r.Time.IsZero() {
		r.Time = now
	}
	r = r.clean()
	c.body = appendBody(c.body[:0], &r, origin{})
	return appendLine(dst, c.body, &c.at, c.hash), nil
}

// AppendOwn writes a record of the chain writer, of the kind start or recovered, as the next line.
func (c *Chain) AppendOwn(dst []byte, kind RecordKind, reason string, now time.Time) []byte {
	r := Record{Kind: kind, Time: instant(now), Reason: reason}
	c.body = appendBody(c.body[:0], &r, c.origin)
	return appendLine(dst, c.body, &c.at, c.hash)
}

// Made reports whether a line without its line feed was made with a key.
func Made(key, line []byte) bool {
	if len(line) < tailBytes {
		return false
	}
	content, tail := line[:len(line)-tailBytes], line[len(line)-tailBytes+len(hashKey):]
	// Append to a copy, because the line belongs to the caller.
	sum := sum(newHash(key), append([]byte(nil), content...))
	return string(tail[:2*hashBytes]) == hex.EncodeToString(sum[:])
}

// HeadBytes is the length of a head.
const HeadBytes = int64(headBytes)

// AppendHead writes the head of an audit file: the last record that is durable in the file. The
// form and the length are fixed.
func AppendHead(dst []byte, at Place, o Origin, key []byte) []byte {
	return appendHead(dst, at, o, newHash(key))
}

// ParseHead parses a head written by AppendHead.
func ParseHead(text []byte, key []byte) (Place, Origin, error) { return parseHead(text, newHash(key)) }

// OtherKeying describes a mismatch between the chain's use of a key and the configuration. It is
// empty if there is none.
func OtherKeying(o Origin, key []byte) string {
	if o.keyed == (len(key) > 0) {
		return ""
	}
	return "the chain was begun " + keyedText(o.keyed)
}
