package telemetry

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// maxIDBytes is how long a caller's own request id may be, in bytes.
const maxIDBytes = 64

// RequestID returns the identifier that a caller sent, where it can be one,
// and else a new one. It goes into logs and headers.
func RequestID(sent string) string {
	if isPlain(sent, maxIDBytes, "._-") {
		return sent
	}
	return NewRequestID()
}

// NewRequestID returns an identifier for a call: 128 random bits as 32
// lower-case hexadecimal digits.
func NewRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails: without randomness the program ends
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// isPlain reports whether a text has 1 to longest bytes, each a letter or digit of
// ASCII or one of others. It is asked for each call, and a regular expression
// that counts takes a hundred times as long to make and to match.
func isPlain(text string, longest int, others string) bool {
	if text == "" || len(text) > longest {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(others, c) >= 0:
		default:
			return false
		}
	}
	return true
}
