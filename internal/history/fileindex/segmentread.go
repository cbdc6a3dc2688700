package fileindex

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"sort"

	"platform.internal/storekeeper/internal/audit"
)

// segment is a complete segment file.
type segment struct {
	head

	path string
	// fan is the section fan of the file.
	fan []uint32
	// file is the open file, nil if the segment is not among the newest mostFiles.
	file *os.File
}

// openSegment verifies a complete segment and returns the open intents at its end.
func openSegment(path string) (*segment, []openIntent, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if len(text) < headBytes+4 {
		return nil, nil, errDamaged
	}
	content, sum := text[:len(text)-4], binary.LittleEndian.Uint32(text[len(text)-4:])
	if crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return nil, nil, errDamaged
	}
	h, err := decodeHead(content)
	if err != nil {
		return nil, nil, err
	}
	s := &segment{head: h, path: path}
	if int64(len(content)) < s.openAt() {
		return nil, nil, errDamaged
	}
	for at := range fanEntries {
		s.fan = append(s.fan, binary.LittleEndian.Uint32(content[s.fanAt()+4*int64(at):]))
	}
	open, err := decodeOpen(content[s.openAt():], h.open)
	return s, open, err
}

func decodeOpen(text []byte, n uint32) (open []openIntent, err error) {
	for range n {
		if len(text) < 1 || len(text) < 17+int(text[0]) {
			return nil, errDamaged
		}
		id := text[1 : 1+text[0]]
		open = append(open, openIntent{id: string(id), at: locationOf(text[1+len(id):])})
		text = text[17+len(id):]
	}
	return open, nil
}

func (s *segment) fanAt() int64      { return headBytes + int64(s.rows)*rowBytes }
func (s *segment) keysAt() int64     { return s.fanAt() + fanEntries*4 }
func (s *segment) postingsAt() int64 { return s.keysAt() + int64(s.keys)*keyBytes }
func (s *segment) crossingAt() int64 { return s.postingsAt() + int64(s.postings)*4 }
func (s *segment) openAt() int64     { return s.crossingAt() + int64(s.crossing)*crossBytes }

// opened is a segment with an open file.
type opened struct {
	*segment

	file io.ReaderAt
}

// keepOpen opens the file until close.
func (s *segment) keepOpen() (err error) {
	s.file, err = os.Open(s.path)
	return err
}

func (s *segment) close() {
	if s.file != nil {
		_ = s.file.Close() // it was opened for reading
		s.file = nil
	}
}

// read runs a function with the open file of a segment.
func (s *segment) read(run func(opened) error) error {
	if s.file != nil {
		return run(opened{segment: s, file: s.file})
	}
	file, err := os.Open(s.path)
	if err != nil {
		return err
	}
	return errors.Join(run(opened{segment: s, file: file}), file.Close())
}

func (o opened) bytes(at int64, n int) ([]byte, error) {
	text := make([]byte, n)
	if _, err := o.file.ReadAt(text, at); err != nil {
		return nil, err
	}
	return text, nil
}

// list returns the range of the postings of a key.
func (o opened) list(k audit.Key) (begin, end uint32, err error) {
	part := k >> (64 - fanBits)
	low, high := o.fan[part], o.fan[part+1]
	if low >= high {
		return 0, 0, nil
	}
	// The next key gives the end of the postings of the last key.
	most := min(high+1, o.keys)
	text, err := o.bytes(o.keysAt()+int64(low)*keyBytes, int(most-low)*keyBytes)
	if err != nil {
		return 0, 0, err
	}
	at := search(text, keyBytes, int(high-low), uint64(k))
	if at < 0 {
		return 0, 0, nil
	}
	begin, end = binary.LittleEndian.Uint32(text[at*keyBytes+8:]), o.postings
	if next := (at + 1) * keyBytes; next < len(text) {
		end = binary.LittleEndian.Uint32(text[next+8:])
	}
	return begin, end, nil
}

// posting reads a posting and its row.
func (o opened) posting(at uint32) (audit.Row, error) {
	text, err := o.bytes(o.postingsAt()+int64(at)*4, 4)
	if err != nil {
		return audit.Row{}, err
	}
	p := binary.LittleEndian.Uint32(text)
	r, err := o.row(p &^ late)
	return r.at(p), err
}

func (o opened) row(n uint32) (row, error) {
	text, err := o.bytes(headBytes+int64(n)*rowBytes, rowBytes)
	if err != nil {
		return row{}, err
	}
	return row{intent: locationOf(text), outcome: locationOf(text[16:])}, nil
}

// crossed returns the outcome of an intent of an earlier segment.
func (o opened) crossed(intent uint64) (audit.Location, error) {
	text, err := o.bytes(o.crossingAt(), int(o.crossing)*crossBytes)
	if err != nil {
		return audit.Location{}, err
	}
	at := search(text, crossBytes, int(o.crossing), intent)
	if at < 0 {
		return audit.Location{}, nil
	}
	r, err := o.row(binary.LittleEndian.Uint32(text[at*crossBytes+8:]))
	return r.outcome, err
}

// search returns the index of the entry that begins with a number among the first n entries, -1 if none does.
func search(text []byte, size, n int, number uint64) int {
	at := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint64(text[i*size:]) >= number })
	if at == n || binary.LittleEndian.Uint64(text[at*size:]) != number {
		return -1
	}
	return at
}
