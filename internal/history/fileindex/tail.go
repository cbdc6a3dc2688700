package fileindex

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

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
	// nothing behind it is read. cutOff says that a file that is not written any more ends without a line feed.
	malformed        int
	overlong, cutOff bool
}

// damaged returns audit.ErrDamaged if the trail has parts that are no records, among those that were read.
func (t *tail) damaged() error {
	var parts []string
	if t.malformed > 0 {
		parts = append(parts, fmt.Sprintf("lines: %d", t.malformed))
	}
	if t.overlong {
		parts = append(parts, "a line that is too long, with the rest of its file")
	}
	if t.cutOff {
		parts = append(parts, "the end of a file")
	}
	if t.files.recordless > 0 {
		parts = append(parts, fmt.Sprintf("whole files: %d", t.files.recordless))
	}
	if t.files.missed {
		parts = append(parts, "lines of changes in the index")
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("%w (%s); \"server audit verify\" names them", audit.ErrDamaged, strings.Join(parts, ", "))
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
	moved := next != nil && !t.isOpen(next.path)
	t.cutOff = t.cutOff || t.endsCutOff(all, moved)
	if !moved {
		return false, nil
	}
	return true, t.open(*next, 0)
}

// endsCutOff reports whether the open file ends with a part of a line that nobody completes. Only the last line of
// the audit file can be in the middle of a write, and a start removes what a kill has left of it: a rotated file
// ends with a whole line. In a list of given paths, the last file may be the audit file. moved says that the open
// file has a next file.
func (t *tail) endsCutOff(all []trailFile, moved bool) bool {
	if t.file == nil || t.size == t.at || t.overlong || t.files.path == "" && !moved {
		return false
	}
	return slices.ContainsFunc(all, func(f trailFile) bool { return f.path != t.files.path && t.isOpen(f.path) })
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
