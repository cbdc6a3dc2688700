package audit

import "encoding/hex"

// Entry is a record as stored in the trail.
type Entry struct {
	// Seq is the number of the record, from 1.
	Seq uint64
	// Record is the content.
	Record Record
	// Chain is the identifier of the chain, in records of the kinds start and
	// recovered.
	Chain string
	// Hash is the hash of the record as hexadecimal digits.
	Hash string
}

// ParseLine parses a line with or without its line feed. It does not check the hash; VerifyAfter
// does. It fails if the line has another form.
func ParseLine(text []byte) (Entry, error) {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	var l line
	if err := parseLine(text, &l); err != nil {
		return Entry{}, err
	}
	return Entry{Seq: l.seq, Record: l.record, Chain: l.origin.id, Hash: hex.EncodeToString(l.hash[:])}, nil
}
