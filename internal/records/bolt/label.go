package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync/atomic"

	"platform.internal/storekeeper/internal/records/journal"
)

// Each file of the journal begins with a label, in one sector. All numbers are
// little-endian:
//
//	 0  magic
//	 8  format
//	16  identifier of the store
//	32  number of the life
//	40  mark: everything up to it is in the records file
//	48  reached: the number of a frame that is durable in one of the files
//	60  CRC-32C of the 60 bytes before
const (
	labelMagic = "SKJRNL\r\n"
	labelSize  = 64
	labelSum   = 60
)

// label says which store and which life a file of the journal belongs to. After
// each commit, reached is written to the file that is not in use, so that a cut of
// the other one is found even if it took whole frames.
type label struct {
	store               storeID
	life, mark, reached uint64
}

var errLabel = errors.New("it does not begin with the label of a journal, so it is damaged or no journal")

func (l label) bytes() []byte {
	text := make([]byte, labelSize)
	copy(text, labelMagic)
	binary.LittleEndian.PutUint32(text[8:], format)
	copy(text[16:], l.store[:])
	binary.LittleEndian.PutUint64(text[32:], l.life)
	binary.LittleEndian.PutUint64(text[40:], l.mark)
	binary.LittleEndian.PutUint64(text[48:], l.reached)
	binary.LittleEndian.PutUint32(text[labelSum:], crc32.Checksum(text[:labelSum], crc32.MakeTable(crc32.Castagnoli)))
	return text
}

func parseLabel(text []byte) (label, error) {
	if len(text) < labelSize || string(text[:len(labelMagic)]) != labelMagic ||
		binary.LittleEndian.Uint32(text[labelSum:]) != crc32.Checksum(text[:labelSum], crc32.MakeTable(crc32.Castagnoli)) {
		return label{}, errLabel
	}
	if n := binary.LittleEndian.Uint32(text[8:]); n != format {
		return label{}, fmt.Errorf("it has format version %d, and this build reads %d: run the build that wrote it, or a later one", n, format)
	}
	return label{
		store: storeID(text[16:32]), life: binary.LittleEndian.Uint64(text[32:]),
		mark: binary.LittleEndian.Uint64(text[40:]), reached: binary.LittleEndian.Uint64(text[48:]),
	}, nil
}

// check holds a label against the records file.
func (l label) check(i *identity) error {
	switch {
	case l.store != i.store:
		return fmt.Errorf("it is of another store: it says %s, and the records file %s", l.store, i.store)
	case l.life == i.life || i.next != 0 && l.life == i.next:
	case l.life < i.life:
		return fmt.Errorf("it is older than the records file: it was in use at start %d, and the records file at start %d", l.life, i.life)
	default:
		return fmt.Errorf("the records file is older: it was in use at start %d, and this file at start %d", i.life, l.life)
	}
	if l.mark > i.applied {
		return fmt.Errorf("the records file is older: it holds changes up to number %d, and this file says that it had %d", i.applied, l.mark)
	}
	return nil
}

// part is a file of the journal without its label.
type part struct {
	journal.File

	path  string
	guard *guard
	// written is the label that write wrote last.
	written label
	// long is how many bytes the file must have.
	long atomic.Int64
}

// openPart opens a file of the journal and holds its label against the records
// file. Only in a store in which nothing was ever kept it may be missing.
func openPart(c Config, path string, i *identity, g *guard) (*part, label, error) {
	if _, err := os.Stat(path); err != nil && !i.fresh() {
		return nil, label{}, fmt.Errorf("%s: %w; it may hold changes that were acknowledged", path, err)
	}
	file, err := c.Journal(path)
	if err != nil {
		return nil, label{}, err
	}
	p := &part{File: file, path: path, guard: g}
	l, err := p.label(i)
	if err != nil {
		return nil, label{}, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return p, l, g.add(path, &p.long)
}

func (p *part) label(i *identity) (label, error) {
	text := make([]byte, labelSize)
	n, err := p.File.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return label{}, err
	}
	size, err := p.File.Size()
	if err != nil {
		return label{}, err
	}
	l, err := parseLabel(text[:n])
	if err != nil && i.fresh() && size <= labelSize {
		return label{store: i.store}, nil // being made when the process ended
	}
	if err == nil {
		err = l.check(i)
	}
	return l, err
}

// write writes the label, durable.
func (p *part) write(l label) error {
	if _, err := p.File.WriteAt(l.bytes(), 0); err != nil {
		return err
	}
	p.longer(labelSize)
	p.written = l
	return p.File.Sync()
}

// witness writes to the label that a frame is durable in the other file. There is
// no sync: what the process wrote survives its kill, and after a loss of power an
// older number is right too. A failure leaves the older number.
func (p *part) witness(reached uint64) {
	l := p.written
	l.reached = reached
	_, _ = p.File.WriteAt(l.bytes(), 0)
}

// ReadAt reads behind the label.
func (p *part) ReadAt(to []byte, at int64) (int, error) { return p.File.ReadAt(to, at+labelSize) }

// WriteAt writes behind the label. What was cut off would be filled with zeros.
func (p *part) WriteAt(from []byte, at int64) (int, error) {
	if err := p.guard.check(); err != nil {
		return 0, err
	}
	n, err := p.File.WriteAt(from, at+labelSize)
	p.longer(at + labelSize + int64(n))
	return n, err
}

// Sync makes durable what was written. It fails where a file of the store is not
// in its place any more: what is in a file without a name is lost with the
// process.
func (p *part) Sync() error {
	if err := p.File.Sync(); err != nil {
		return err
	}
	return p.guard.check()
}

// Truncate cuts what is behind the label.
func (p *part) Truncate(size int64) error {
	before := p.long.Load()
	p.long.Store(min(before, size+labelSize)) // before it is so, for whoever looks meanwhile
	if err := p.File.Truncate(size + labelSize); err != nil {
		p.long.Store(before)
		return err
	}
	return nil
}

func (p *part) longer(size int64) { p.long.Store(max(p.long.Load(), size)) }

// Size is how many bytes are behind the label.
func (p *part) Size() (int64, error) {
	size, err := p.File.Size()
	return max(size-labelSize, 0), err
}
