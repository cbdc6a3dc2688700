package bolt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// Each record in the file ends with a seal: 8 bytes of the HMAC-SHA256 of its
// key, and 8 bytes of that of its key and value. A record whose value was changed
// is told by the second, and one whose key was changed by the first.
const (
	keySeal  = 8
	sealSize = 2 * keySeal
)

// damaged is the error of a record that is not what was written.
type damaged struct{ key string }

func (d damaged) Error() string {
	return fmt.Sprintf("the record %q of the state file is not what was written to it", d.key)
}

// sealer makes seals. It is for one goroutine at a time.
type sealer struct {
	mac hash.Hash
	sum []byte
}

// seals has sealers of one key.
type seals struct{ pool sync.Pool }

func newSeals(key []byte) *seals {
	s := &seals{}
	s.pool.New = func() any { return &sealer{mac: hmac.New(sha256.New, key)} }
	return s
}

func (s *seals) take() *sealer {
	one, _ := s.pool.Get().(*sealer) // New makes no other
	return one
}

func (s *seals) give(one *sealer) { s.pool.Put(one) }

// seal appends the seal of a record.
func (s *sealer) seal(to, key, value []byte) []byte {
	s.mac.Reset()
	_, _ = s.mac.Write(key) // a hash never fails
	s.sum = s.mac.Sum(s.sum[:0])
	to = append(to, s.sum[:keySeal]...)
	var length [9]byte
	length[0] = 'v' // no key ends like this
	binary.BigEndian.PutUint64(length[1:], uint64(len(key)))
	_, _ = s.mac.Write(length[:])
	_, _ = s.mac.Write(value)
	s.sum = s.mac.Sum(s.sum[:0])
	return append(to, s.sum[:keySeal]...)
}

// sealed returns a value with its seal behind it.
func (s *sealer) sealed(key, value []byte) []byte {
	return s.seal(append(make([]byte, 0, len(value)+sealSize), value...), key, value)
}

// open takes the seal off what was kept at a key. keyed says whether the key at
// least is the one that was sealed.
func (s *sealer) open(key, kept []byte) (value []byte, keyed, whole bool) {
	if len(kept) < sealSize {
		return nil, false, false
	}
	value, found := kept[:len(kept)-sealSize], kept[len(kept)-sealSize:]
	var buf [sealSize]byte
	want := s.seal(buf[:0], key, value)
	keyed = hmac.Equal(found[:keySeal], want[:keySeal])
	return value, keyed, keyed && hmac.Equal(found[keySeal:], want[keySeal:])
}

// tally is how many records there are, and the sum of the seals of their keys:
// by it a record that is gone or that is there twice is found.
type tally struct{ count, sum uint64 }

func (t *tally) add(kept []byte) {
	t.count++
	t.sum += binary.BigEndian.Uint64(kept[len(kept)-sealSize:])
}

func (t *tally) remove(kept []byte) {
	if len(kept) >= sealSize {
		t.count--
		t.sum -= binary.BigEndian.Uint64(kept[len(kept)-sealSize:])
	}
}

func (t *tally) bytes() []byte { return append(u64(t.count), u64(t.sum)...) }

func tallyOf(text []byte) tally {
	if len(text) != 16 {
		return tally{}
	}
	return tally{count: binary.BigEndian.Uint64(text), sum: binary.BigEndian.Uint64(text[8:])}
}
