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

// linePosition is a position in a chain: the number and the hash of the last record. The zero value
// is the position before the first record.
type linePosition struct {
	seq  uint64
	hash [hashBytes]byte
}

// newHash returns the hash function of the chain. With a key, only holders of the key can make a
// valid line.
func newHash(key []byte) hash.Hash {
	if len(key) == 0 {
		return sha256.New()
	}
	return hmac.New(sha256.New, key)
}

func newOrigin(key []byte) origin {
	id := make([]byte, 16)
	// rand.Read never fails: the program ends if the system has no randomness.
	_, _ = rand.Read(id)
	return origin{id: hex.EncodeToString(id), keyed: len(key) > 0}
}

// sum returns the hash of a text. It uses the spare capacity of text as scratch space.
func sum(h hash.Hash, text []byte) (out [hashBytes]byte) {
	h.Reset()
	h.Write(text)
	// Writing into out would force an allocation.
	copy(out[:], h.Sum(text[len(text):]))
	return out
}

const (
	hashKey = `,"hash":"`
	// tailBytes is the length of the part of a line after the hashed part, without the line feed.
	tailBytes = len(hashKey) + 2*hashBytes + len(`"}`)
)

// appendLine writes body as the line after p and advances p.
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
