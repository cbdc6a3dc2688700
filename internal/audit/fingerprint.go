package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// printBytes is the length of a fingerprint in bytes before hexadecimal encoding.
const printBytes = 16

// Fingerprint shows whether two changes set the same value, without revealing the value: the first
// 16 bytes of an HMAC-SHA256 in lower-case hexadecimal digits.
//
// The digest is keyed because secrets are often short or from a known list, so that a plain digest
// could be guessed. Only holders of the key can try guesses. Without a key the result is empty.
// Equal values have equal fingerprints everywhere, so a reader of the trail sees that a value was
// used twice.
func Fingerprint(key, value []byte) string {
	if len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	// The chain may use the same key. The prefix separates the two uses.
	mac.Write([]byte("storekeeper value fingerprint\x00"))
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil)[:printBytes])
}
