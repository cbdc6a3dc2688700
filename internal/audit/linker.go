package audit

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// Tip is the end of a chain whose lines are kept in another place than a file.
type Tip struct {
	// Chain is the identifier of the chain, 32 lower-case hexadecimal digits.
	Chain string
	// Keyed says whether the hashes need a key.
	Keyed bool
	// Seq is the number of the last record, 0 before the first.
	Seq uint64
	// Hash is the hash of the last record.
	Hash [hashBytes]byte
}

func (t Tip) position() position { return position{seq: t.Seq, hash: t.Hash} }

func (t Tip) origin() origin { return origin{id: t.Chain, keyed: t.Keyed} }

// NewTip begins a chain: it is the place before its first record, which must be
// of kind KindStart.
func NewTip(key []byte) Tip {
	o := newOrigin(key)
	return Tip{Chain: o.id, Keyed: o.keyed}
}

// At returns the place of a line, without its line feed, in the chain of t.
func (t Tip) At(text []byte) (Tip, error) {
	var l line
	if err := parseLine(text, &l); err != nil {
		return t, err
	}
	t.Seq, t.Hash = l.seq, l.hash
	return t, nil
}

// Linker writes records as the lines of a chain, each bound to the one before.
// It is not safe for concurrent use.
type Linker struct {
	hash hash.Hash
	body []byte
}

// NewLinker makes a Linker for a chain with that key, empty for one without.
func NewLinker(key []byte) *Linker { return &Linker{hash: newHash(key)} }

// Link appends the line of r behind tip to dst, with its line feed, and moves tip
// on. The texts of r are brought within their bounds. A record of kind KindStart or
// KindRecovered gets the identifier of the chain.
func (l *Linker) Link(dst []byte, tip *Tip, r Record) []byte {
	r = r.clean()
	var o origin
	if r.Kind == KindStart || r.Kind == KindRecovered {
		o = tip.origin()
	}
	at := tip.position()
	l.body = appendBody(l.body[:0], &r, o)
	dst = appendLine(dst, l.body, &at, l.hash)
	tip.Seq, tip.Hash = at.seq, at.hash
	return dst
}

// Made reports whether a line without its line feed was made with the key of the
// Linker.
func (l *Linker) Made(line []byte) bool {
	if len(line) < tailBytes {
		return false
	}
	content, tail := line[:len(line)-tailBytes], line[len(line)-tailBytes+len(hashKey):]
	// The hash is written behind a copy: the line belongs to the caller.
	sum := sum(l.hash, append([]byte(nil), content...))
	return string(tail[:2*hashBytes]) == hex.EncodeToString(sum[:])
}

// Head returns the content of the head file of an audit file that ends at tip.
func (l *Linker) Head(tip Tip) []byte {
	return appendHead(nil, tip.position(), tip.origin(), l.hash)
}

// Lines are lines of a chain that stand in another place than a file.
type Lines struct {
	// Name is what problems are reported of.
	Name string
	// Reader holds the lines, each with its line feed.
	Reader io.Reader
	// After is the last record before the lines, verified elsewhere. The zero Mark
	// means that they begin with record 1.
	After Mark
	// Tip is the end that the chain had, or has passed since. Nil means that a
	// missing end is not found.
	Tip *Tip
}

// VerifyLines is VerifyAfter for lines of a reader.
func VerifyLines(ctx context.Context, lines Lines, key []byte) (Report, error) {
	v := verifier{open: map[string]uint64{}, check: checker{hash: newHash(key)}, keyed: len(key) > 0}
	if err := v.after(lines.After); err != nil {
		return v.report, err
	}
	var h head
	if lines.Tip != nil {
		h = head{at: lines.Tip.position(), origin: lines.Tip.origin(), known: true}
		if h.origin.keyed != v.keyed {
			v.problem(Problem{File: lines.Name, Text: "the chain was begun " + keyedText(h.origin.keyed)})
		}
	}
	v.check.head = h.at
	v.check.seen = v.seen
	v.check.wrong = func(number, seq uint64, text string) error {
		v.problem(Problem{File: lines.Name, Line: number, Seq: seq, Text: text})
		return nil
	}
	s, err := v.check.file(ctx, lines.Reader, span{})
	if err != nil {
		return v.report, fmt.Errorf("verifying %s: %w", lines.Name, err)
	}
	v.bordered(lines.Name)
	v.report.Records = s.lines
	if s.readable && lines.After.Seq == 0 && s.before.seq > 0 {
		v.report.Missing = append(v.report.Missing, Missing{From: 1, To: s.before.seq, Before: lines.Name, Reason: v.begun})
	}
	if h.known {
		v.end(lines.Name, s, h)
	}
	if s.torn > 0 {
		v.problem(Problem{File: lines.Name, Line: s.lines + 1, Text: fmt.Sprintf("it ends after %d bytes without a line feed", s.torn)})
	}
	v.finish()
	return v.report, nil
}

// after makes a record the one that the first line must continue.
func (v *verifier) after(m Mark) error {
	if m.Seq == 0 {
		return nil
	}
	v.check.at.seq, v.check.known = m.Seq, true
	if n, err := hex.Decode(v.check.at.hash[:], []byte(m.Hash)); err != nil || n != hashBytes {
		return fmt.Errorf("the hash of record %d must be %d hexadecimal digits", m.Seq, 2*hashBytes)
	}
	return nil
}
