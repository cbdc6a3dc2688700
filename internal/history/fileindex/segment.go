package fileindex

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/audit"
)

// A segment is an immutable file that indexes consecutive lines:
//
//	header    headBytes, see encodeHead
//	rows      rowBytes each, in the order of the lines: intent and outcome
//	fan       4 bytes for each value of the first fanBits bits of a key, plus 4:
//	          the index of the first key with these bits
//	keys      keyBytes each, in order: the key, and the index of its first posting
//	postings  4 bytes each: the number of a row, with the bit late
//	crossing  crossBytes each, in order: the number of an intent in an earlier segment,
//	          and the row with its outcome
//	open      the intents without an outcome at the end of the segment
//	checksum  CRC-32C of everything before
//
// Numbers are little-endian.
const (
	magic      = "SKINDEX1"
	headBytes  = 128 // 116 are used
	rowBytes   = 32
	fanBits    = 10
	fanEntries = 1<<fanBits + 1
	keyBytes   = 12
	crossBytes = 12
	// late is a bit of a posting. It says that only the outcome has the key.
	late = 1 << 31
)

// head is the header of a segment.
type head struct {
	// chain is the chain identifier.
	chain string
	// first and last are sequence numbers. end is the offset after the last line in its file, and hash the
	// hash of that line.
	first, last uint64
	end         int64
	hash        [sha256.Size]byte
	// The remaining fields are numbers of entries.
	rows, keys, postings, crossing, open uint32
}

var errDamaged = errors.New("the segment is damaged")

func encodeHead(dst []byte, h *head) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, h.chain...) // 32 hexadecimal digits
	dst = binary.LittleEndian.AppendUint64(dst, h.first)
	dst = binary.LittleEndian.AppendUint64(dst, h.last)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.end)) //nolint:gosec // An offset is not below 0.
	for _, n := range []uint32{h.rows, h.keys, h.postings, h.crossing, h.open} {
		dst = binary.LittleEndian.AppendUint32(dst, n)
	}
	dst = append(dst, h.hash[:]...)
	return append(dst, make([]byte, headBytes-(len(dst)-start))...)
}

func decodeHead(text []byte) (h head, err error) {
	if len(text) < headBytes || string(text[:len(magic)]) != magic {
		return h, errDamaged
	}
	text = text[len(magic):]
	h.chain, text = string(text[:32]), text[32:]
	h.first, h.last = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])
	h.end = int64(binary.LittleEndian.Uint64(text[16:])) //nolint:gosec // It was an offset.
	text = text[24:]
	for _, n := range []*uint32{&h.rows, &h.keys, &h.postings, &h.crossing, &h.open} {
		*n, text = binary.LittleEndian.Uint32(text), text[4:]
	}
	copy(h.hash[:], text)
	return h, nil
}

// segmentName returns the file name of the segment that begins with a line.
func segmentName(first uint64) string { return fmt.Sprintf("segment-%020d", first) }

// segmentNames lists the segments of a folder in order. If the folder cannot be read, the segments are
// rebuilt.
func segmentNames(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "segment-")
		if _, nerr := strconv.ParseUint(digits, 10, 64); ok && nerr == nil && len(digits) == 20 {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// unfinished is the file name prefix of segments being written.
const unfinished = "new-"

// removeUnfinished removes partial segments left by a kill.
func removeUnfinished(folder string) {
	left, err := filepath.Glob(filepath.Join(folder, unfinished+"*"))
	if err != nil {
		return
	}
	for _, path := range left {
		_ = os.Remove(path) // it is never read
	}
}

// encode encodes the content of memory as a segment.
func (m *memory) encode(h head, open []openIntent) []byte {
	keys := slices.Sorted(maps.Keys(m.newest))
	h.rows, h.keys, h.crossing, h.open = count(m.rows), count(keys), count(m.crossing), count(open)
	h.postings = count(m.postings) - 1
	out := encodeHead(make([]byte, 0, headBytes+len(m.rows)*rowBytes+fanEntries*4+len(keys)*keyBytes+int(h.postings)*4+1024), &h)
	for _, r := range m.rows {
		out = appendLocation(appendLocation(out, r.intent), r.outcome)
	}
	at := 0
	for part := range fanEntries {
		for at < len(keys) && int(keys[at]>>(64-fanBits)) < part {
			at++
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(at))
	}
	postings := make([]uint32, 0, h.postings)
	for _, k := range keys {
		begin := len(postings)
		out = binary.LittleEndian.AppendUint64(out, uint64(k))
		out = binary.LittleEndian.AppendUint32(out, uint32(begin)) //nolint:gosec // A segment is small.
		for at := m.newest[k]; at != 0; at = m.postings[at].before {
			postings = append(postings, m.postings[at].row)
		}
		slices.Reverse(postings[begin:])
	}
	for _, p := range postings {
		out = binary.LittleEndian.AppendUint32(out, p)
	}
	crossing := slices.Clone(m.crossing)
	slices.SortFunc(crossing, func(a, b uint32) int { return cmp.Compare(m.rows[a].intent.Seq, m.rows[b].intent.Seq) })
	for _, row := range crossing {
		out = binary.LittleEndian.AppendUint64(out, m.rows[row].intent.Seq)
		out = binary.LittleEndian.AppendUint32(out, row)
	}
	for _, o := range open {
		out = appendLocation(append(append(out, byte(len(o.id))), o.id...), o.at) //nolint:gosec // At most 128 bytes.
	}
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, crc32.MakeTable(crc32.Castagnoli)))
}

func count[T any](list []T) uint32 { return uint32(len(list)) } //nolint:gosec // A segment is small.

func appendLocation(dst []byte, l audit.Location) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, l.Seq)
	return binary.LittleEndian.AppendUint64(dst, uint64(l.Offset)) //nolint:gosec // An offset is not below 0.
}

func locationOf(text []byte) audit.Location {
	return audit.Location{Seq: binary.LittleEndian.Uint64(text), Offset: int64(binary.LittleEndian.Uint64(text[8:]))} //nolint:gosec // It was an offset.
}

// save writes a segment atomically.
func save(folder string, first uint64, text []byte) (err error) {
	path := filepath.Join(folder, segmentName(first))
	made, err := os.CreateTemp(folder, unfinished+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(made.Name())
		}
	}()
	_, err = made.Write(text)
	if err == nil {
		err = made.Sync()
	}
	if err = errors.Join(err, made.Close()); err != nil {
		return err
	}
	return os.Rename(made.Name(), path)
}
