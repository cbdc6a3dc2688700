package bolt

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// format is the number of the form that the file and its journal have. A build
// refuses files of any other.
const format = 1

// The keys of the journal table, which says what the file and its journal are:
// the form; the store's random identifier; what the journal's frames are keyed
// with; a check of the operator's key; the number of the life that the file is
// in; that of the life that was being begun, absent once it has begun; the mark
// up to which the journal is in the tables; the number of the last durable frame
// at that time; and the tally of the records.
var (
	keyFormat  = []byte("format")
	keyStore   = []byte("store")
	keyFrames  = []byte("frames")
	keyCheck   = []byte("check")
	keyLife    = []byte("life")
	keyNext    = []byte("next")
	keyApplied = []byte("applied")
	keyReached = []byte("reached")
	keyTally   = []byte("tally")
	// keyOld is a bucket. Builds before the first release, which look for no
	// format, write a value there and stop, since they cannot.
	keyOld = []byte("key")
)

// storeID is the random identifier of a store, which each of its files bears.
type storeID [16]byte

func (s storeID) String() string { return hex.EncodeToString(s[:]) }

// identity is what the file says about itself.
type identity struct {
	store  storeID
	frames []byte
	check  []byte
	// life counts the openings of the store. next is the one that was being
	// begun when the process ended; 0: none was. life 0 is a store in which
	// nothing was ever kept.
	life, next       uint64
	applied, reached uint64
}

// fresh says that nothing was ever kept in the store.
func (i *identity) fresh() bool { return i.life == 0 }

var errNoFormat = errors.New("it has no format version, so an earlier build made it; this build cannot read it")

// readIdentity returns what the file says about itself, nil for a file that was
// just made.
func readIdentity(tx *bbolt.Tx) (*identity, error) {
	b := tx.Bucket(log)
	if b == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return nil, errNoFormat
		}
		return nil, nil //nolint:nilnil // An empty file is an answer like any other here.
	}
	found := b.Get(keyFormat)
	if len(found) != 4 {
		return nil, errNoFormat
	}
	if n := binary.BigEndian.Uint32(found); n != format {
		return nil, fmt.Errorf("it has format version %d, and this build reads %d: run the build that wrote it, or a later one", n, format)
	}
	i := &identity{
		frames: bytes.Clone(b.Get(keyFrames)), check: bytes.Clone(b.Get(keyCheck)), life: number(b, keyLife),
		next: number(b, keyNext), applied: number(b, keyApplied), reached: number(b, keyReached),
	}
	if copy(i.store[:], b.Get(keyStore)) != len(i.store) || len(i.frames) == 0 || i.fresh() && i.next == 0 {
		return nil, errors.New("it does not say which store it is, so it is damaged")
	}
	return i, nil
}

func number(b *bbolt.Bucket, key []byte) uint64 {
	if text := b.Get(key); len(text) == 8 {
		return binary.BigEndian.Uint64(text)
	}
	return 0
}

// newIdentity makes the tables of a new store, whose first life is not begun.
func newIdentity(tx *bbolt.Tx) error {
	for _, name := range [][]byte{lasting, ending, ends, log} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	if _, err := tx.Bucket(log).CreateBucketIfNotExists(keyOld); err != nil {
		return err
	}
	var store storeID
	_, _ = rand.Read(store[:]) // never fails
	return putAll(tx.Bucket(log), []pair{
		{keyFormat, binary.BigEndian.AppendUint32(nil, format)}, {keyStore, store[:]}, {keyNext, u64(1)}, {keyTally, (&tally{}).bytes()},
		// Never another one: the frames of a journal are read with it.
		{keyFrames, []byte(rand.Text())},
	})
}

type pair struct{ key, value []byte }

func putAll(b *bbolt.Bucket, pairs []pair) error {
	for _, p := range pairs {
		if err := b.Put(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// announce writes which life is about to begin. Until begun, files of this life
// and of the next one belong together.
func (i *identity) announce(db *bbolt.DB) error {
	if i.next != 0 {
		return nil
	}
	i.next = i.life + 1
	return db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(log).Put(keyNext, u64(i.next)) })
}

// begun writes that the next life has begun, with the check of its key.
func (i *identity) begun(db *bbolt.DB) error {
	err := db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(log)
		if err := putAll(b, []pair{{keyLife, u64(i.next)}, {keyCheck, i.check}}); err != nil {
			return err
		}
		return b.Delete(keyNext)
	})
	if err == nil {
		i.life, i.next = i.next, 0
	}
	return err
}

var errKey = errors.New("it was written with another key than the key file holds")

// bind holds the operator's key against the file, and returns the key of its
// records. Without an operator's key that is one of the file's own, which finds
// damage and no intent.
func (i *identity) bind(key []byte) ([]byte, error) {
	if key == nil {
		key = i.frames
	}
	check := derive(key, "check", i.store)
	if i.check != nil && !hmac.Equal(i.check, check) {
		return nil, errKey
	}
	i.check = check
	return derive(key, "records", i.store), nil
}

func derive(key []byte, purpose string, store storeID) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte("storekeeper state " + purpose + " ")) // a hash never fails
	_, _ = mac.Write(store[:])
	return mac.Sum(nil)
}
