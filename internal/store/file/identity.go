package file

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"platform.internal/storekeeper/internal/store/disk"
)

// Format is the version of the file format of a store. A build rejects files with another version.
const Format = 2

// The file "store" holds the identity of the store in a folder, and the number of a durable frame
// of the log. All numbers are little-endian:
//
//	  0  magic
//	  8  format
//	 12  zeros
//	 16  identifier of the store
//	 32  random key
//	 64  check of the operator's key
//	 96  SHA-256 of bytes 0 to 95
//	512  number of a frame that is durable 8, CRC-32C of identifier and number 4
const (
	identityName  = "store"
	identityMagic = "SKSTORE\n"
	identityText  = 96
	identitySize  = identityText + sha256.Size
	witnessAt     = 512
	witnessSize   = 12
)

// storeID is the random identifier of a store. Each file of the store contains it.
type storeID [16]byte

func (s storeID) String() string { return hex.EncodeToString(s[:]) }

// identity is the content of the file "store".
type identity struct {
	store  storeID
	random []byte
	check  []byte
	file   disk.File
	buffer []byte
	// reached is the number of a frame that is known to be durable.
	reached uint64
}

// ErrLocked is in the error if another process holds the store.
var ErrLocked = errors.New("another process holds it")

var errKey = errors.New("it was written with another key than the key file holds")

// openIdentity opens and locks the store of a folder. It returns nil if the folder has no store.
func openIdentity(system disk.FS, folder string) (*identity, error) {
	path := filepath.Join(folder, identityName)
	file, err := system.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // No store is an answer like any other here.
	}
	if err != nil {
		return nil, err
	}
	i := &identity{file: file}
	err = i.take(path)
	if err == nil {
		err = i.read()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", identityName, err), file.Close())
	}
	return i, nil
}

// take locks the file. If another process is creating the store, that process may have renamed the
// file since the open.
func (i *identity) take(path string) error {
	if err := i.file.Lock(); err != nil {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	if _, here, err := i.file.At(path); err != nil || !here {
		return errors.Join(ErrLocked, err)
	}
	return nil
}

func (i *identity) read() error {
	text := make([]byte, witnessAt+witnessSize)
	n, err := i.file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	text = text[:n]
	if len(text) < identitySize || string(text[:len(identityMagic)]) != identityMagic {
		return errors.New("it does not say which store it is, so it is damaged")
	}
	if f := binary.LittleEndian.Uint32(text[8:]); f != Format {
		return fmt.Errorf("it has format version %d, and this build reads %d: run the build that wrote it, or a later one", f, Format)
	}
	if sum := sha256.Sum256(text[:identityText]); !bytes.Equal(sum[:], text[identityText:identitySize]) {
		return errors.New("it is not what was written, so it is damaged")
	}
	i.store = storeID(text[16:32])
	i.random, i.check = text[32:64], text[64:identityText]
	if len(text) == witnessAt+witnessSize {
		number := binary.LittleEndian.Uint64(text[witnessAt:])
		if binary.LittleEndian.Uint32(text[witnessAt+8:]) == i.sum(number) {
			i.reached = number
		}
	}
	return nil
}

// createIdentity creates the store of an empty folder, without a key.
func createIdentity(system disk.FS, folder string) (*identity, error) {
	i := &identity{random: make([]byte, 32), check: make([]byte, sha256.Size)}
	_, _ = rand.Read(i.store[:]) // never fails
	_, _ = rand.Read(i.random)
	path := filepath.Join(folder, identityName)
	var err error
	i.file, err = system.OpenFile(path+".new", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := i.create(system, path); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", identityName, err), i.file.Close())
	}
	return i, nil
}

// bind sets the operator's key of a store that never held data. A start may end before or after
// bind, so the next start calls bind again.
func (i *identity) bind(key func(store string, fresh bool) ([]byte, error)) ([]byte, error) {
	operator, err := i.operator(key, true)
	if err != nil {
		return nil, err
	}
	i.check = i.derive(operator, "check")
	if err := i.write(); err != nil {
		return nil, fmt.Errorf("%s: %w", identityName, err)
	}
	return operator, nil
}

func (i *identity) create(system disk.FS, path string) error {
	if err := i.file.Lock(); err != nil {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	// An earlier process may have left a partial file.
	if err := i.file.Truncate(0); err != nil {
		return err
	}
	i.witness(0)
	if err := i.write(); err != nil {
		return err
	}
	if err := system.Rename(path+".new", path); err != nil {
		return err
	}
	return system.SyncDir(filepath.Dir(path))
}

// write makes the identity durable. It fits in one sector.
func (i *identity) write() error {
	text := make([]byte, identityText, identitySize)
	copy(text, identityMagic)
	binary.LittleEndian.PutUint32(text[8:], Format)
	copy(text[16:], i.store[:])
	copy(text[32:], i.random)
	copy(text[64:], i.check)
	sum := sha256.Sum256(text)
	if _, err := i.file.WriteAt(append(text, sum[:]...), 0); err != nil {
		return err
	}
	return i.file.Sync()
}

// operator returns the operator's key. Without an operator's key, the store uses its own random
// key, which detects accidental damage but not tampering.
func (i *identity) operator(key func(store string, fresh bool) ([]byte, error), fresh bool) ([]byte, error) {
	if key == nil {
		return i.random, nil
	}
	return key(i.store.String(), fresh)
}

// unlock returns the operator's key of an existing store.
func (i *identity) unlock(key func(store string, fresh bool) ([]byte, error)) ([]byte, error) {
	operator, err := i.operator(key, false)
	if err == nil && !hmac.Equal(i.check, i.derive(operator, "check")) {
		err = errKey
	}
	return operator, err
}

// derive derives a key of this store for a purpose.
func (i *identity) derive(key []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte("storekeeper state " + purpose + " ")) // a hash never fails
	_, _ = mac.Write(i.store[:])
	_, _ = mac.Write(i.random)
	return mac.Sum(nil)
}

func (i *identity) sum(number uint64) uint32 {
	var text [24]byte
	copy(text[:], i.store[:])
	binary.LittleEndian.PutUint64(text[16:], number)
	return crc32.Checksum(text[:], crc32.MakeTable(crc32.Castagnoli))
}

// witness records that a frame is durable in the log, so that a truncation of the log is detected
// even at a frame boundary. There is no sync: the write survives a kill of the process, and after a
// power loss an older number is valid too. After a failure the older number stays.
func (i *identity) witness(number uint64) {
	i.buffer = binary.LittleEndian.AppendUint64(i.buffer[:0], number)
	i.buffer = binary.LittleEndian.AppendUint32(i.buffer, i.sum(number))
	_, _ = i.file.WriteAt(i.buffer, witnessAt)
}

// inPlace checks that the file is still at its path.
func (i *identity) inPlace(folder string) error {
	path := filepath.Join(folder, identityName)
	size, here, err := i.file.At(path)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not in its place any more: %w", path, err)
	case !here:
		return fmt.Errorf("%s is another file than the one that is in use", path)
	case size < witnessAt+witnessSize:
		return fmt.Errorf("%s was cut to %d bytes while it is in use", path, size)
	}
	return nil
}
