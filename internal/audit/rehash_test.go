package audit_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// rehash gives the only line of a file the hash that fits its content, written
// from the description of the format and not with the package.
func rehash(t *testing.T, text []byte) []byte {
	t.Helper()
	body, _, ok := bytes.Cut(text, []byte(`,"hash":"`))
	if !ok {
		t.Fatalf("no hash in %s", text)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return append(bytes.Clone(body), `,"hash":"`+hex.EncodeToString(mac.Sum(nil))+"\"}\n"...)
}
