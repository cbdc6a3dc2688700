package fileindex

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"platform.internal/storekeeper/internal/audit"
)

// tailBytes is the size of a read.
const tailBytes = 2 * mostLine

// line is a line of the trail and where it is.
type line struct {
	at   audit.Location
	text []byte
}

// tail reads the lines of a trail in order, across files.
type tail struct {
	files files
	file  *os.File
	// at is the offset of the next read. size is the size of the file at the last read.
	at, size int64
	// last is the sequence number of the last line and hash its hash. begun is the sequence number of the
	// first line after the last segment.
	last, begun uint64
	hash        [sha256.Size]byte
	buf         []byte
	// malformed is the number of lines that are no records. overlong says that a line exceeds a read, so that
	// nothing behind it is read.
	malformed int
	overlong  bool
}

// damaged returns audit.ErrDamaged if the trail has parts that are no records, among those that were read.
func (t *tail) damaged() error {
	switch {
	case t.overlong:
		return fmt.Errorf("%w: a line is too long, and the rest of its file", audit.ErrDamaged)
	case t.malformed > 0:
		return fmt.Errorf("%w: %d line(s)", audit.ErrDamaged, t.malformed)
	}
	return nil
}

// next returns the next lines, nil at the end.
func (t *tail) next() ([]line, error) {
	for {
		if t.file != nil {
			lines, err := t.chunk()
			if err != nil || lines != nil {
				return lines, err
			}
		}
		if moved, err := t.turn(); err != nil || !moved {
			return nil, err
		}
	}
}

// chunk returns the next lines of the file, nil at its end.
func (t *tail) chunk() ([]line, error) {
	if t.buf == nil {
		t.buf = make([]byte, tailBytes)
	}
	for {
		n, err := t.file.ReadAt(t.buf, t.at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		t.size = t.at + int64(n)
		text := t.buf[:bytes.LastIndexByte(t.buf[:n], '\n')+1]
		if len(text) == 0 {
			t.overlong = t.overlong || n == tailBytes
			return nil, nil // the last line is being written, or there is none
		}
		lines := t.parse(text)
		t.at += int64(len(text))
		if len(lines) > 0 {
			return lines, nil
		}
	}
}

// parse returns the new lines, in the memory of buf. It counts and skips malformed lines, because VerifyAfter
// reports them.
func (t *tail) parse(text []byte) []line {
	lines := make([]line, 0, len(text)/512)
	at := t.at
	for whole := range bytes.Lines(text) {
		here := at
		at += int64(len(whole))
		place, ok := audit.PlaceOf(whole)
		if !ok {
			t.malformed++
			continue
		}
		if place.Seq() <= t.last {
			continue
		}
		t.last, t.hash = place.Seq(), place.Hash()
		lines = append(lines, line{at: audit.Location{Seq: t.last, Offset: here}, text: whole[:len(whole)-1]})
	}
	return lines
}

// turn opens the file with the next line. It returns false if there is none yet.
func (t *tail) turn() (bool, error) {
	if t.file != nil && t.unmoved() {
		return false, nil
	}
	for {
		moved, err := t.openNext()
		if !errors.Is(err, errRotated) || !t.files.again() {
			return moved, err
		}
	}
}

// openNext is turn, but fails with errRotated if the trail is rotated meanwhile.
func (t *tail) openNext() (bool, error) {
	all, err := t.files.list()
	if err != nil {
		return false, err
	}
	// Lines may have been written between the last read and the rotation.
	if grown, err := t.grown(); err != nil || grown {
		return grown, err
	}
	next := holding(all, t.last+1)
	for i := len(all) - 1; i >= 0 && (next == nil || t.isOpen(next.path)); i-- {
		// The lines in between were removed with their files.
		if all[i].first > t.last+1 && (i == 0 || all[i-1].first <= t.last+1) {
			next = &all[i]
			break
		}
	}
	if next == nil || t.isOpen(next.path) {
		return false, nil
	}
	return true, t.open(*next, 0)
}

// grown reports whether the open file has bytes that the last read did not reach. A line that exceeds a read
// is damaged, and nothing behind it is read.
func (t *tail) grown() (bool, error) {
	if t.file == nil || t.size-t.at == tailBytes {
		return false, nil
	}
	info, err := t.file.Stat()
	return err == nil && info.Size() > t.size, err
}

// unmoved reports whether the open file is still the audit file.
func (t *tail) unmoved() bool {
	return t.files.path != "" && t.isOpen(t.files.path)
}

func (t *tail) isOpen(path string) bool {
	if t.file == nil {
		return false
	}
	here, err := t.file.Stat()
	there, terr := os.Stat(path)
	return err == nil && terr == nil && os.SameFile(here, there)
}

// open continues reading at an offset of another file.
func (t *tail) open(f trailFile, at int64) error {
	file, err := f.open()
	if err != nil {
		return err
	}
	t.close()
	t.file, t.at, t.size = file, at, at
	return nil
}

func (t *tail) close() {
	if t.file != nil {
		_ = t.file.Close() // it was opened for reading
		t.file = nil
	}
}

// read returns the lines at some locations, nil for lines that were removed. If the trail is rotated
// meanwhile, read begins again.
func (f *files) read(at []audit.Location) ([][]byte, error) {
	for {
		all, err := f.list()
		if err != nil {
			return nil, err
		}
		lines, err := readFrom(all, at)
		switch {
		case errors.Is(err, errRotated) && f.again():
			continue
		case err != nil || !slices.ContainsFunc(lines, func(l []byte) bool { return l == nil }):
			return lines, err
		}
		if now, err := f.list(); err != nil || slices.Equal(now, all) {
			return lines, err
		}
	}
}

// readFrom reads the lines at some locations from files, nil for lines that are not in the files. It fails with
// errRotated if the trail is rotated meanwhile.
func readFrom(all []trailFile, at []audit.Location) ([][]byte, error) {
	lines := make([][]byte, len(at))
	opened := map[string]*os.File{}
	defer func() {
		for _, file := range opened {
			_ = file.Close() // it was opened for reading
		}
	}()
	for i, l := range at {
		in := holding(all, l.Seq)
		if in == nil {
			continue
		}
		if opened[in.path] == nil {
			file, err := in.open()
			if err != nil {
				return nil, err
			}
			opened[in.path] = file
		}
		var err error
		if lines[i], err = lineOf(opened[in.path], l); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// lineOf returns the line with a sequence number, nil if the file has none.
func lineOf(file *os.File, l audit.Location) ([]byte, error) {
	text, err := lineAt(file, l.Offset, nil)
	if err != nil {
		return nil, err
	}
	if place, ok := audit.PlaceOf(text); ok && place.Seq() == l.Seq {
		return text, nil
	}
	at, found, err := find(file, l.Seq)
	if err != nil || !found {
		return nil, err
	}
	return lineAt(file, at, nil)
}
