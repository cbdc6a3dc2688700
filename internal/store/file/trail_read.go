package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/wal"
)

// mostLine exceeds the length of the longest line.
const mostLine = 128 << 10

var errBehind = errors.New("the file of the audit trail cannot be written now")

// Trail implements store.Store. It waits until the durable lines are in the file. It also visits
// the lines of files that the store rotated, but not of files that were renamed by others.
func (s *Store) Trail(ctx context.Context, after uint64, visit func(line []byte) error) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return store.Unavailable(store.ErrClosed)
	}
	if s.c.Trail.Path == "" {
		return nil
	}
	if err := s.trail.await(ctx, s.log.End(), s.c.MaxWait); err != nil {
		return err
	}
	r := lineReader{after: after, visit: visit}
	if err := s.trail.read(ctx, &r); err != nil {
		if r.stopped || ctx.Err() != nil {
			return err
		}
		return store.Unavailable(err)
	}
	return nil
}

// Flushed returns when the durable lines are in the trail's file. Errors are those of Trail.
func (s *Store) Flushed(ctx context.Context) error {
	if s.c.Trail.Path == "" {
		return nil
	}
	return s.trail.await(ctx, s.log.End(), s.c.MaxWait)
}

// await waits until the lines before a position in the log are in the file.
func (t *trailWriter) await(ctx context.Context, end wal.Position, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		t.mu.Lock()
		reached, changed := !t.written.Before(end), t.changed
		t.awaited = t.awaited || !reached
		t.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fault.From(ctx.Err())
		case <-timer.C:
			return store.Unavailable(errBehind)
		}
	}
}

// read visits the lines of the rotated files and of the current file.
func (t *trailWriter) read(ctx context.Context, r *lineReader) error {
	for {
		// Open the current file first: if it is rotated after that, it is also found under its new
		// name.
		file, size, err := t.current()
		if err != nil {
			return err
		}
		rotated, err := t.rotated(r.after)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		if len(rotated) == 0 {
			return errors.Join(r.file(ctx, file, size), file.Close())
		}
		_ = file.Close() // reopened after the rotated files are read
		last := r.after
		if err := t.readFile(ctx, rotated[0], r); err != nil {
			return err
		}
		if r.after == last {
			return fmt.Errorf("%s does not hold the records that its name says", rotated[0])
		}
	}
}

func (t *trailWriter) readFile(ctx context.Context, path string, r *lineReader) error {
	file, err := t.store.c.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read-only: no data can be lost
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return r.file(ctx, file, info.Size())
}

// rotated lists the rotated files that end with a record above a number, in order.
func (t *trailWriter) rotated(after uint64) ([]string, error) {
	folder, name := filepath.Split(t.c.Path)
	names, err := t.store.c.FS.Names(filepath.Clean(folder))
	if err != nil {
		return nil, err
	}
	least := audit.RotatedPath(name, after)
	var paths []string
	for _, n := range names {
		if audit.IsRotated(name, n) && n > least {
			paths = append(paths, filepath.Join(folder, n))
		}
	}
	slices.Sort(paths)
	return paths, nil
}

type readCloser interface {
	io.ReaderAt
	io.Closer
}

// noFile is a missing file.
type noFile struct{}

func (noFile) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (noFile) Close() error                      { return nil }

// current opens the current file for reading, and returns the number of written bytes.
func (t *trailWriter) current() (readCloser, int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	file, err := t.store.c.FS.OpenFile(t.c.Path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return noFile{}, 0, nil // between the rotation of the old file and the creation of the new file
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, min(info.Size(), t.size), nil
}

// lineReader visits lines with a number above after.
type lineReader struct {
	after   uint64
	visit   func(line []byte) error
	stopped bool
	text    []byte
}

// file visits the lines of a file. The numbers of the lines must rise.
func (r *lineReader) file(ctx context.Context, file io.ReaderAt, size int64) error {
	at, err := r.find(file, size)
	if err != nil {
		return err
	}
	for at < size {
		lines, err := r.at(file, at, size)
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return nil // the last line is being written
		}
		at += int64(len(lines))
		for line := range bytes.Lines(lines) {
			if err := r.line(ctx, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *lineReader) line(ctx context.Context, line []byte) error {
	place, ok := audit.PlaceOf(line)
	if !ok || place.Seq() <= r.after {
		return nil
	}
	if err := ctx.Err(); err != nil {
		r.stopped = true
		return fault.From(err)
	}
	r.after = place.Seq()
	err := r.visit(line[:len(line)-1])
	r.stopped = err != nil
	return err
}

// at reads complete lines from an offset.
func (r *lineReader) at(file io.ReaderAt, at, size int64) ([]byte, error) {
	if r.text == nil {
		r.text = make([]byte, 2*mostLine)
	}
	text := r.text[:min(int64(len(r.text)), size-at)]
	if n, err := file.ReadAt(text, at); err != nil && (!errors.Is(err, io.EOF) || n < len(text)) {
		return nil, err
	}
	return text[:bytes.LastIndexByte(text, '\n')+1], nil
}

// find returns an offset at or before the first line to visit, by binary search.
func (r *lineReader) find(file io.ReaderAt, size int64) (int64, error) {
	low, high := int64(0), size
	for high-low > 2*mostLine {
		middle := low + (high-low)/2
		lines, err := r.at(file, middle, size)
		if err != nil {
			return 0, err
		}
		begin := bytes.IndexByte(lines, '\n') + 1
		place, ok := audit.PlaceOf(firstLine(lines[begin:]))
		switch {
		case !ok:
			return low, nil
		case place.Seq() <= r.after:
			low = middle + int64(begin)
		default:
			high = middle
		}
	}
	return low, nil
}

func firstLine(lines []byte) []byte { return lines[:bytes.IndexByte(lines, '\n')+1] }
