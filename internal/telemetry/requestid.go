package telemetry

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// maxIDBytes is the maximum length of a caller's request id, in bytes.
const maxIDBytes = 64

// RequestID returns the request id that a caller sent if the id is valid, and otherwise a new id.
// The result is used in logs and headers.
func RequestID(sent string) string {
	if isPlain(sent, maxIDBytes, "._-") {
		return sent
	}
	return NewRequestID()
}

// NewRequestID returns a new request id: 128 random bits as 32 lower-case
// hexadecimal digits.
func NewRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // rand.Read never fails: without randomness the program ends
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// isPlain reports whether a text has 1 to longest bytes, each an ASCII letter, a digit or a byte of
// others. It runs for each call; a regular expression with a length limit takes a hundred times as
// long.
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
