package wal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Empty reports whether the log has no frame yet.
func (l *Log) Empty() bool { return l.last == 0 }

// Number returns the number of the last durable frame. Only the writing goroutine may call it.
func (l *Log) Number() uint64 { return l.last }

// Oldest returns the number of the oldest segment, or 0 if there is none.
func (l *Log) Oldest() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.oldest
}

// End returns the position after the last durable frame.
func (l *Log) End() Position {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.current == nil {
		return First()
	}
	return Position{Segment: l.current.number, Offset: l.current.end}
}

// Behind returns an upper bound of the number of bytes in the log after a position.
func (l *Log) Behind(at Position) (bytes int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.current == nil || l.current.number == at.Segment {
		return 0
	}
	for n := at.Segment; n <= l.current.number; n++ {
		if s := l.segments[n]; s != nil {
			bytes += s.size
		}
	}
	return bytes
}

// Size returns the total size of all segments in bytes.
func (l *Log) Size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.bytes
}

// ReadAt reads bytes of a segment. It returns io.EOF if the segment was removed. ReadAt does not
// block Write while the disk hangs.
func (l *Log) ReadAt(to []byte, segment uint64, offset int64) error {
	l.mu.RLock()
	s := l.segments[segment]
	if s == nil {
		l.mu.RUnlock()
		return io.EOF
	}
	file := s.file
	l.mu.RUnlock()
	_, err := file.ReadAt(to, offset)
	if errors.Is(err, os.ErrClosed) {
		return io.EOF
	}
	return err
}

// Check returns an error if a segment was moved or truncated.
func (l *Log) Check() error {
	l.mu.RLock()
	segments := make([]segment, 0, len(l.segments))
	for _, s := range l.segments {
		segments = append(segments, *s)
	}
	l.mu.RUnlock()
	for i := range segments {
		if err := segments[i].check(); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the oldest segment, whose frames must not be needed any more. It does not remove
// the current segment.
func (l *Log) Remove(segment uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.segments[segment]
	if s == nil || s == l.current || segment != l.oldest {
		return nil
	}
	if l.spare == nil && !l.taken && s.size == l.c.SegmentSize {
		spare := filepath.Join(l.c.Folder, spareName)
		if err := l.c.FS.Rename(s.path, spare); err != nil {
			return err
		}
		s.path, l.spare = spare, s
	} else {
		if err := l.c.FS.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		_ = s.file.Close() // its content is not needed
		l.bytes -= s.size
	}
	delete(l.segments, segment)
	l.oldest++
	return nil
}

// Close closes the files.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, s := range l.segments {
		errs = append(errs, s.file.Close())
	}
	for _, s := range []*segment{l.spare, l.filling} {
		if s != nil {
			errs = append(errs, s.file.Close())
		}
	}
	l.segments, l.spare, l.filling = nil, nil, nil
	return errors.Join(errs...)
}
