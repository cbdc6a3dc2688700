package file

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/store/disk"
)

// Snapshots and indexes are files that are written once: magic 8, format 4, zeros 4, identifier of
// the store 16, content, HMAC-SHA256 of all preceding bytes.
const (
	snapshotPrefix = "snapshot-"
	snapshotMagic  = "SKSNAPS\n"
	indexPrefix    = "index-"
	indexMagic     = "SKINDEX\n"
	sealedHead     = 32
)

var errSealed = errors.New("it is not what was written, so it is damaged")

func segmentFile(prefix string, segment uint64) string {
	return fmt.Sprintf("%s%016x", prefix, segment)
}

// segmentOf parses a name made by segmentFile.
func segmentOf(prefix, name string) (segment uint64, ok bool) {
	text, ok := strings.CutPrefix(name, prefix)
	segment, err := strconv.ParseUint(text, 16, 64)
	return segment, ok && err == nil && segmentFile(prefix, segment) == name
}

// sealedFiles reads and writes snapshots and indexes of a store.
type sealedFiles struct {
	fs     disk.FS
	folder string
	store  storeID
	key    []byte
}

func (f *sealedFiles) begin(magic string) []byte {
	text := make([]byte, sealedHead)
	copy(text, magic)
	binary.LittleEndian.PutUint32(text[8:], Format)
	copy(text[16:], f.store[:])
	return text
}

func (f *sealedFiles) mac(text []byte) []byte {
	mac := hmac.New(sha256.New, f.key)
	_, _ = mac.Write(text) // a hash never fails
	return mac.Sum(nil)
}

// write makes a file durable. text must begin as made by begin.
func (f *sealedFiles) write(name string, text []byte) error {
	path := filepath.Join(f.folder, name)
	file, err := f.fs.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(append(text, f.mac(text)...), 0)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := f.fs.Rename(path+".new", path); err != nil {
		return err
	}
	return f.fs.SyncDir(f.folder)
}

// read returns the content of a file.
func (f *sealedFiles) read(name, magic string) ([]byte, error) {
	file, err := f.fs.OpenFile(filepath.Join(f.folder, name), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read-only: no data can be lost
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, info.Size()), text); err != nil {
		return nil, err
	}
	head := f.begin(magic)
	end := len(text) - sha256.Size
	if end < sealedHead || string(text[:8]) != magic {
		return nil, errSealed
	}
	if n := binary.LittleEndian.Uint32(text[8:]); n != Format {
		return nil, fmt.Errorf("it has format version %d, and this build reads %d: run the build that wrote it, or a later one", n, Format)
	}
	if string(text[:sealedHead]) != string(head) || !hmac.Equal(f.mac(text[:end]), text[end:]) {
		return nil, errSealed
	}
	return text[sealedHead:end], nil
}
