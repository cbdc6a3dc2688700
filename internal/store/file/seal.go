package file

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
)

// damaged is the error of a record whose bytes in the log were altered.
type damaged struct{ key string }

func (d damaged) Error() string {
	return fmt.Sprintf("the record %q in the log is not what was written to it", d.key)
}

// sealer makes the seals of records that are read individually: 8 bytes of the HMAC-SHA256 of
// expiry, key and value. It is not safe for concurrent use.
type sealer struct {
	mac  hash.Hash
	sum  []byte
	text []byte
}

func newSealer(key []byte) *sealer { return &sealer{mac: hmac.New(sha256.New, key)} }

// seal returns a seal that is valid until the next call.
func (s *sealer) seal(expires int64, key string, value []byte) []byte {
	s.mac.Reset()
	s.text = binary.LittleEndian.AppendUint64(s.text[:0], uint64(expires)) //nolint:gosec // the same bits
	s.text = binary.LittleEndian.AppendUint16(s.text, uint16(len(key)))    //nolint:gosec // store.CheckKeys bounds it
	s.text = append(s.text, key...)
	_, _ = s.mac.Write(s.text) // a hash never fails
	_, _ = s.mac.Write(value)
	s.sum = s.mac.Sum(s.sum[:0])
	return s.sum[:sealSize]
}

// open decodes the record of a key from its entry. ok is false if the bytes were altered.
func (s *sealer) open(text []byte, key string) (value []byte, expires int64, ok bool) {
	d := decoder{rest: text}
	if d.byte() != entryExpire {
		return nil, 0, false
	}
	keyLength, length := d.u16(), d.u32()
	expires = d.i64()
	seal := d.take(sealSize)
	found := d.take(keyLength)
	value = d.take(int(length))
	if d.short || len(d.rest) > 0 || string(found) != key {
		return nil, 0, false
	}
	return value, expires, hmac.Equal(seal, s.seal(expires, key, value))
}

// digest represents a key in an index.
type digest [16]byte

// digester makes digests with a key of the store. It is not safe for concurrent use.
type digester struct{ text []byte }

const digestKey = 32

func newDigester(key []byte) *digester {
	return &digester{text: append([]byte(nil), key[:digestKey]...)}
}

func (d *digester) digest(key string) (out digest) {
	d.text = append(d.text[:digestKey], key...)
	sum := sha256.Sum256(d.text)
	return digest(sum[:len(out)])
}
