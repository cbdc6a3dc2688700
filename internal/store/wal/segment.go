package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/store/disk"
)

// A segment begins with its own header, in one sector. All numbers are little-endian:
//
//	 0  magic
//	 8  format
//	12  zeros
//	16  identifier of the store
//	32  number of the segment
//	40  number of the last frame before it
//	48  size of the segment in bytes
//	56  first 16 bytes of the HMAC-SHA256 of bytes 0 to 55
const (
	segmentMagic  = "SKWALSEG"
	atFormat      = 8
	atStore       = 16
	atSegment     = 32
	atFirst       = 40
	atSize        = 48
	atSegmentMAC  = 56
	segmentHeader = sector

	prefix    = "wal-"
	spareName = "spare"
	// A spare that is not filled yet, and a segment that is needed before there is a spare.
	fillingName = "filling"
	nextName    = "next"
)

type segment struct {
	number uint64
	path   string
	file   disk.File
	// size is the intended size in bytes. end is the offset after the last durable frame. before is
	// the number of the last frame of the previous segment.
	size, end int64
	before    uint64
	// filled is the number of bytes that a future spare has on the disk.
	filled int64
}

func segmentName(n uint64) string { return fmt.Sprintf("%s%016x", prefix, n) }

// segmentNumbers lists the segments in a folder, in order.
func segmentNumbers(system disk.FS, folder string) ([]uint64, error) {
	names, err := system.Names(folder)
	var numbers []uint64
	for _, name := range names {
		text, ok := strings.CutPrefix(name, prefix)
		n, bad := strconv.ParseUint(text, 16, 64)
		if ok && bad == nil && segmentName(n) == name {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

func (l *Log) label(s *segment) []byte {
	text := make([]byte, segmentHeader)
	copy(text, segmentMagic)
	binary.LittleEndian.PutUint32(text[atFormat:], Format)
	copy(text[atStore:], l.c.Store[:])
	binary.LittleEndian.PutUint64(text[atSegment:], s.number)
	binary.LittleEndian.PutUint64(text[atFirst:], s.before)
	binary.LittleEndian.PutUint64(text[atSize:], uint64(s.size)) //nolint:gosec // no size is below 0
	copy(text[atSegmentMAC:], l.codec.digest(s.number, text[:atSegmentMAC], nil))
	return text
}

// openSegment opens an existing segment and reads its header.
func (l *Log) openSegment(n uint64) (*segment, error) {
	path := filepath.Join(l.c.Folder, segmentName(n))
	file, err := l.c.FS.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{number: n, path: path, file: file, end: segmentHeader}
	if err := l.readLabel(s); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func (l *Log) readLabel(s *segment) error {
	text := make([]byte, segmentHeader)
	if _, err := s.file.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(text[:len(segmentMagic)]) != segmentMagic {
		return fmt.Errorf("%w: it does not begin as a segment of a log does", ErrLost)
	}
	if f := binary.LittleEndian.Uint32(text[atFormat:]); f != Format {
		return fmt.Errorf("it has format version %d, and this build reads %d: run the build that wrote it, or a later one", f, Format)
	}
	if store := text[atStore:atSegment]; string(store) != string(l.c.Store[:]) {
		return fmt.Errorf("it is of another store: it says %x, and the store is %x", store, l.c.Store)
	}
	s.before = binary.LittleEndian.Uint64(text[atFirst:])
	s.size = int64(binary.LittleEndian.Uint64(text[atSize:])) //nolint:gosec // compared with what would be written
	if string(l.label(s)) != string(text) {
		return fmt.Errorf("%w: its header is not what was written", ErrLost)
	}
	info, err := s.file.Stat()
	if err == nil && info.Size() != s.size {
		err = fmt.Errorf("%w: it was cut off: it has %d bytes, and %d belong to it", ErrLost, info.Size(), s.size)
	}
	return err
}

// check returns an error if the segment was moved or truncated.
func (s *segment) check() error {
	size, here, err := s.file.At(s.path)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not in its place any more: %w", s.path, err)
	case !here:
		return fmt.Errorf("%s is another file than the one that is in use", s.path)
	case size != s.size:
		return fmt.Errorf("%s was cut to %d bytes while it is in use; it had %d", s.path, size, s.size)
	}
	return nil
}
