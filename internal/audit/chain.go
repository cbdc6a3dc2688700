package audit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
)

const hashBytes = sha256.Size

// linePosition is a place in a chain: the number and the hash of its last record.
// The zero value is the place before the first.
type linePosition struct {
	seq  uint64
	hash [hashBytes]byte
}

// newHash returns the function that binds lines together. With a key nobody
// without it can make a line that fits.
func newHash(key []byte) hash.Hash {
	if len(key) == 0 {
		return sha256.New()
	}
	return hmac.New(sha256.New, key)
}

func newOrigin(key []byte) origin {
	id := make([]byte, 16)
	// It never fails: the program ends where the system has no randomness.
	_, _ = rand.Read(id)
	return origin{id: hex.EncodeToString(id), keyed: len(key) > 0}
}

// sum is the hash of a text. What has room behind it is used meanwhile.
func sum(h hash.Hash, text []byte) (out [hashBytes]byte) {
	h.Reset()
	h.Write(text)
	// Not into out, which would have to be allocated for it.
	copy(out[:], h.Sum(text[len(text):]))
	return out
}

const (
	hashKey = `,"hash":"`
	// tailBytes is the length of what stands in a line behind the part that is
	// hashed, the line feed not counted.
	tailBytes = len(hashKey) + 2*hashBytes + len(`"}`)
)

// appendLine writes a body as the line after p and moves p on.
func appendLine(dst, body []byte, p *linePosition, h hash.Hash) []byte {
	start := len(dst)
	p.seq++
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, p.seq, 10)
	dst = append(dst, ',')
	dst = append(dst, body...)
	dst = append(dst, `,"prev":"`...)
	dst = hex.AppendEncode(dst, p.hash[:])
	dst = append(dst, '"')
	p.hash = sum(h, dst[start:])
	dst = append(dst, hashKey...)
	dst = hex.AppendEncode(dst, p.hash[:])
	return append(dst, "\"}\n"...)
}
