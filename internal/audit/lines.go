package audit

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
)

// Lines are lines of a chain from a source other than a file.
type Lines struct {
	// Name identifies the lines in reported problems.
	Name string
	// Reader holds the lines, each with its line feed.
	Reader io.Reader
	// After is the last record before the lines, verified elsewhere. The zero Mark means that the
	// lines begin with record 1.
	After Mark
	// Last is the last record that the chain is known to have. Nil means that a missing end is not
	// detected.
	Last *Place
	// Origin is the chain of Last.
	Origin Origin
}

// VerifyLines is VerifyAfter for lines of a reader.
func VerifyLines(ctx context.Context, lines Lines, key []byte) (Report, error) {
	v := verifier{open: map[string]uint64{}, check: checker{hash: newHash(key)}, keyed: len(key) > 0}
	if err := v.after(lines.After); err != nil {
		return v.report, err
	}
	var h checkpoint
	if lines.Last != nil {
		h = checkpoint{at: *lines.Last, origin: lines.Origin, known: true}
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
	s, err := v.check.file(ctx, lines.Reader, fileSummary{})
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

// after sets the record that the first line must continue.
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
