package idempotency

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
)

// digester makes names for calls that tell nothing of them to who lacks the
// pepper.
type digester struct {
	// macs are keyed already: keying one costs as much as a short digest.
	macs *sync.Pool
}

func newDigester(pepper []byte) digester {
	pepper = append([]byte(nil), pepper...)
	return digester{macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, pepper) }}}
}

// mark makes the digests of a call, which are worth making once.
func (d digester) mark(c *Call) {
	if c.identity == "" {
		c.identity, c.print = d.identity(c), d.fingerprint(c)
	}
}

// identity is the same for two calls that may be one.
func (d digester) identity(c *Call) string {
	if c.Key != "" {
		return d.sum("key", []byte(c.Caller), []byte(c.Key))
	}
	return d.sum("call", []byte(c.Caller), []byte(c.Method), c.Payload)
}

// fingerprint is the same for two calls that ask for the same.
func (d digester) fingerprint(c *Call) string {
	return d.sum("request", []byte(c.Method), c.Payload)
}

// sum writes the length before each part, so that no two lists of parts read
// the same.
func (d digester) sum(label string, parts ...[]byte) string {
	mac, _ := d.macs.Get().(hash.Hash)
	defer d.macs.Put(mac)
	mac.Reset()
	room := make([]byte, 0, 64)
	begin := append(room, "storekeeper idempotency "...)
	begin = append(begin, label...)
	mac.Write(append(begin, 0))
	for _, p := range parts {
		mac.Write(binary.BigEndian.AppendUint64(room, uint64(len(p))))
		mac.Write(p)
	}
	return hex.EncodeToString(mac.Sum(room))
}
