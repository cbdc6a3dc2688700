package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// printBytes is the length of a fingerprint before it is written as
// hexadecimal digits.
const printBytes = 16

// Fingerprint tells whether two changes set the same value, without telling
// the value: the first 16 bytes of an HMAC-SHA256 in lower-case hexadecimal
// digits.
//
// It is keyed because secrets are often short or from a known list: whoever
// reads a plain digest can try guesses until one fits. With a key only its
// holders can. Without a key there is no fingerprint, the result is empty.
// The same value has the same fingerprint wherever it is used, so a reader of
// the trail sees that a value was used twice.
func Fingerprint(key, value []byte) string {
	if len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	// The key may also be that of the chain; this keeps the two apart.
	mac.Write([]byte("storekeeper value fingerprint\x00"))
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil)[:printBytes])
}
