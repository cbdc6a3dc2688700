package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"platform.internal/storekeeper/internal/records/journal"
)

// What bbolt writes at the start of its two first pages: a header of a page, and
// a meta. The higher transaction of the two that are whole counts.
const (
	pageHeader    = 16
	metaMagic     = 0xED0CDAED
	metaSize      = 64
	metaPageSize  = 8  // bytes of a page, 4 bytes
	metaHighWater = 40 // number of pages in use, 8 bytes
	metaTxid      = 48
	metaChecksum  = 56
	maxPage       = 64 << 10
)

// inspect looks at the file before bbolt maps it into memory, where each byte
// that is missing would end the process. A file that is missing or empty is a
// new one, unless it has a journal.
func inspect(file string) error {
	info, err := os.Stat(file)
	missing := errors.Is(err, os.ErrNotExist)
	switch {
	case err != nil && !missing:
		return err
	case !missing && info.IsDir(), !missing && !info.Mode().IsRegular():
		return nil // opening it says what it is
	case missing || info.Size() == 0:
		return withoutJournal(file, missing)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	need, err := highWater(f)
	if err != nil {
		return err
	}
	if info, err = f.Stat(); err == nil && info.Size() < need {
		err = fmt.Errorf("it was cut off: it has %d bytes, and at least %d belong to it", info.Size(), need)
	}
	return err
}

// withoutJournal refuses to begin a new store beside the journal of another one.
func withoutJournal(file string, missing bool) error {
	what := "it is empty"
	if missing {
		what = "it is missing"
	}
	for _, suffix := range journal.Suffixes() {
		if info, err := os.Stat(file + suffix); err == nil && (info.Size() > 0 || !missing) {
			return fmt.Errorf("%s, and there is %s, with %d bytes", what, file+suffix, info.Size())
		}
	}
	return nil
}

// highWater is how many bytes of the file are in use.
func highWater(f io.ReaderAt) (int64, error) {
	text := make([]byte, maxPage+pageHeader+metaSize)
	n, err := f.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	text = text[:n]
	var newest, pages, size uint64
	for _, at := range []int{0, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, maxPage} {
		if len(text) < at+pageHeader+metaSize {
			break
		}
		meta := text[at+pageHeader:][:metaSize]
		page := binary.NativeEndian.Uint32(meta[metaPageSize:])
		txid := binary.NativeEndian.Uint64(meta[metaTxid:])
		if !whole(meta) || at != 0 && at != int(page) || pages != 0 && txid < newest {
			continue
		}
		newest, pages, size = txid, binary.NativeEndian.Uint64(meta[metaHighWater:]), uint64(page)
	}
	if pages == 0 {
		return 0, errors.New("it is invalid: neither of its two first pages is whole, so it is damaged or no records file")
	}
	return int64(pages * size), nil //nolint:gosec // Both stand in a meta with the right checksum.
}

func whole(meta []byte) bool {
	sum := fnv.New64a()
	_, _ = sum.Write(meta[:metaChecksum]) // a hash never fails
	return binary.NativeEndian.Uint32(meta) == metaMagic && binary.NativeEndian.Uint64(meta[metaChecksum:]) == sum.Sum64()
}
