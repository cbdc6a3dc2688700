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

// mark computes the digests of a call and the name of its record, once.
func (d digester) mark(c *Call) {
	if c.identity != "" {
		return
	}
	var room [len(callPrefix) + 4*sha256.Size]byte
	text := d.appendIdentity(append(room[:0], callPrefix...), c)
	end := len(text)
	all := string(d.appendSum(text, "request", []string{c.Method}, c.Payload))
	c.record, c.identity, c.print = all[:end], all[len(callPrefix):end], all[end:]
}

// appendIdentity appends a digest that is equal for calls with the same key, or, without a key, for equal
// calls.
func (d digester) appendIdentity(to []byte, c *Call) []byte {
	if c.Key != "" {
		return d.appendSum(to, "key", []string{c.Caller, c.Key}, nil)
	}
	return d.appendSum(to, "call", []string{c.Caller, c.Method}, c.Payload)
}

// appendSum appends the digest of a payload, nil for none, and of texts. The length before each part gives
// different lists of parts different encodings.
func (d digester) appendSum(to []byte, label string, texts []string, payload []byte) []byte {
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
	return hex.AppendEncode(to, k.text)
}
