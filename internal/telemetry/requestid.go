package telemetry

import (
	"crypto/rand"
	"encoding/hex"
)

// NewRequestID returns an identifier for a call: 128 random bits as 32
// lower-case hexadecimal digits.
func NewRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails: without randomness the program ends
	return hex.EncodeToString(id[:])
}
