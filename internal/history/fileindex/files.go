package fileindex

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"platform.internal/storekeeper/internal/audit"
)

const (
	// mostLine is an upper bound of the length of a line.
	mostLine = 128 << 10
	// mostSkipped bounds the search for the first record of a damaged file, in bytes. Each query searches.
	mostSkipped = 8 * mostLine
)

// trailFile is a file with lines of the trail.
type trailFile struct {
	path string
	// first is the sequence number of the first record.
	first uint64
}

// errRotated says that a path of a listed file has another file, or none.
var errRotated = errors.New("the audit trail was rotated while it was read; read it again")

func rotated(path string) error { return fmt.Errorf("%s: %w", path, errRotated) }

// open opens the file that was listed. If the path has another file by now, open fails with errRotated.
func (f trailFile) open() (*os.File, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, rotated(f.path)
	}
	if err != nil {
		return nil, err
	}
	begins, err := beginningIn(file)
	if err == nil && begins.first != f.first {
		err = rotated(f.path)
	}
	if err != nil {
		_ = file.Close() // it was opened for reading
		return nil, err
	}
	return file, nil
}

// files are the files of a trail.
type files struct {
	// path is the audit file, with the rotated files in the same folder. Empty: paths lists all files.
	path  string
	paths []string
	// firsts caches the first lines of rotated files, which do not change.
	firsts map[string]uint64
	// recordless is the number of files that the last list left out because they are damaged. missed says that
	// read has found no record at the place of one.
	recordless int
	missed     bool
}

// list returns the files that have records, sorted by their first records. If the trail is rotated meanwhile, list
// begins again: it would lack the file that was the audit file before.
func (f *files) list() ([]trailFile, error) {
	if f.path == "" {
		return f.known(f.paths)
	}
	for {
		before, err := audit.RotatedFiles(f.path)
		if err != nil {
			return nil, err
		}
		all, err := f.known(append(slices.Clip(before), f.path))
		if err != nil {
			return nil, err
		}
		after, err := audit.RotatedFiles(f.path)
		if err != nil {
			return nil, err
		}
		if slices.Equal(after, before) {
			return all, nil
		}
	}
}

// again reports whether the files can be listed again after errRotated. A list of given paths would lack the
// rotated file. The cached first lines may be those of files that were at the paths before.
func (f *files) again() bool {
	clear(f.firsts)
	return f.path != ""
}

// known returns the files of some paths that have records, sorted by their first records.
func (f *files) known(paths []string) ([]trailFile, error) {
	var all []trailFile
	f.recordless = 0
	for _, path := range paths {
		first, known := f.firsts[path]
		if !known {
			begins, err := beginningOf(path)
			if err != nil {
				return nil, err
			}
			first = begins.first
			switch {
			case begins.damaged(path == f.path):
				f.recordless++
			case first > 0 && path != f.path:
				f.firsts[path] = first
			}
		}
		if first > 0 {
			all = append(all, trailFile{path: path, first: first})
		}
	}
	slices.SortStableFunc(all, func(a, b trailFile) int { return cmp.Compare(a.first, b.first) })
	return all, nil
}

// First returns the sequence number of the first record of a file, 0 if the file is missing or has none.
func First(path string) (uint64, error) {
	begins, err := beginningOf(path)
	return begins.first, err
}

// beginning describes the beginning of a file.
type beginning struct {
	// first is the sequence number of the first record, 0 if there is none.
	first uint64
	// skipped is the length of the lines before the first record. size is the size of the file.
	skipped, size int64
}

// damaged reports whether the file has bytes but no record. The first line of the audit file may be incomplete:
// it is being written, or a kill has cut it off and the next start removes it. A rotated file has no such line.
func (b beginning) damaged(auditFile bool) bool {
	if auditFile && b.skipped == 0 && b.size < mostLine {
		return false
	}
	return b.first == 0 && b.size > 0
}

// beginningOf reads the beginning of a file. A missing file is empty.
func beginningOf(path string) (beginning, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return beginning{}, nil
	}
	if err != nil {
		return beginning{}, err
	}
	defer func() { _ = file.Close() }() // it was opened for reading
	info, err := file.Stat()
	if err != nil {
		return beginning{}, err
	}
	begins, err := beginningIn(file)
	begins.size = info.Size()
	return begins, err
}

// beginningIn is beginningOf for an open file, without the size. It skips damaged lines, but not more than
// mostSkipped bytes: the records behind them count.
func beginningIn(file io.ReaderAt) (b beginning, err error) {
	buf := make([]byte, 2<<10)
	for b.skipped < mostSkipped {
		line, err := lineAt(file, b.skipped, buf)
		if err != nil || line == nil {
			return b, err
		}
		if place, ok := audit.PlaceOf(line); ok {
			b.first = place.Seq()
			return b, nil
		}
		b.skipped += int64(len(line)) + 1
	}
	return b, nil
}

// holding returns the last file that can contain a line, nil if none can.
func holding(all []trailFile, seq uint64) *trailFile {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].first <= seq {
			return &all[i]
		}
	}
	return nil
}

// lineAt returns the line that begins at an offset of a file, without its line feed, nil if there is no
// complete line. It may use the memory of buf.
func lineAt(file io.ReaderAt, at int64, buf []byte) ([]byte, error) {
	for size := 2 << 10; ; size *= 4 {
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		n, err := file.ReadAt(buf[:size], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if end := bytes.IndexByte(buf[:n], '\n'); end >= 0 {
			return buf[:end:end], nil
		}
		if n < size || size >= mostLine {
			return nil, nil
		}
	}
}

// find returns the offset of the line with a sequence number, by binary search.
func find(file *os.File, seq uint64) (at int64, found bool, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, false, err
	}
	var buf []byte
	low, high := int64(0), info.Size()
	for low < high {
		middle, line, err := lineBehind(file, low+(high-low)/2, low, &buf)
		if err != nil {
			return 0, false, err
		}
		place, ok := audit.PlaceOf(line)
		switch {
		case !ok:
			high = low + (high-low)/2
		case place.Seq() == seq:
			return middle, true, nil
		case place.Seq() < seq:
			low = middle + int64(len(line)) + 1
		default:
			high = low + (high-low)/2
		}
	}
	return 0, false, nil
}

// lineBehind returns the first line that begins at or after an offset. least must be the offset of a line.
func lineBehind(file io.ReaderAt, at, least int64, buf *[]byte) (int64, []byte, error) {
	if at > least {
		rest, err := lineAt(file, at-1, *buf)
		if err != nil || rest == nil {
			return 0, nil, err
		}
		at += int64(len(rest))
	}
	line, err := lineAt(file, at, nil)
	return at, line, err
}
