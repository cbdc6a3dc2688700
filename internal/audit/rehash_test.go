package audit_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// rehash sets the hash in the only line of a file to match the content. It follows the description
// of the format and does not use the package.
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
