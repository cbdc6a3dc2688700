package telemetry

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
)

// usableID is what a caller's own request id must look like to be kept: it goes
// into logs and headers.
var usableID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// RequestID returns the identifier that a caller sent, where it can be one,
// and else a new one.
func RequestID(sent string) string {
	if usableID.MatchString(sent) {
		return sent
	}
	return NewRequestID()
}

// NewRequestID returns an identifier for a call: 128 random bits as 32
// lower-case hexadecimal digits.
func NewRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails: without randomness the program ends
	return hex.EncodeToString(id[:])
}
