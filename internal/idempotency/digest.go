package idempotency

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
)

// digester computes the names of call records. Without the pepper, a name reveals nothing about the call.
type digester struct {
	// macs pools keyed hashes, because keying one costs as much as a short digest.
	macs *sync.Pool
}

// keyed is a keyed hash with a buffer.
type keyed struct {
	mac  hash.Hash
	text []byte
}

func newDigester(pepper []byte) digester {
	pepper = append([]byte(nil), pepper...)
	return digester{macs: &sync.Pool{New: func() any { return &keyed{mac: hmac.New(sha256.New, pepper)} }}}
}

// mark computes the digests of a call, once.
func (d digester) mark(c *Call) {
	if c.identity == "" {
		c.identity, c.print = d.identity(c), d.fingerprint(c)
	}
}

// identity returns a digest that is equal for calls with the same key, or, without a key, for equal calls.
func (d digester) identity(c *Call) string {
	if c.Key != "" {
		return d.sum("key", []string{c.Caller, c.Key}, nil)
	}
	return d.sum("call", []string{c.Caller, c.Method}, c.Payload)
}

// fingerprint returns a digest that is equal for equal requests.
func (d digester) fingerprint(c *Call) string {
	return d.sum("request", []string{c.Method}, c.Payload)
}

// sum writes the length before each part, so that different lists of parts have different encodings. The
// payload is the last part, nil for none.
func (d digester) sum(label string, texts []string, payload []byte) string {
	k, _ := d.macs.Get().(*keyed)
	defer d.macs.Put(k)
	k.mac.Reset()
	k.text = append(append(append(k.text[:0], "storekeeper idempotency "...), label...), 0)
	for _, t := range texts {
		k.text = append(binary.BigEndian.AppendUint64(k.text, uint64(len(t))), t...)
	}
	k.text = binary.BigEndian.AppendUint64(k.text, uint64(len(payload)))
	k.mac.Write(k.text)
	k.mac.Write(payload)
	k.text = k.mac.Sum(k.text[:0])
	return string(hex.AppendEncode(k.text, k.text)[len(k.text):])
}
