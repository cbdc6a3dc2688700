package wal

import (
	"fmt"
	"os"
	"path/filepath"
)

// NewFrame reserves the frame header in an empty buffer. The caller appends the content.
func NewFrame(buffer []byte) []byte { return append(buffer[:0], make([]byte, headerSize)...) }

// ContentOffset is the offset of a frame's content from the frame's Position.
const ContentOffset = headerSize

// Write makes a frame durable. The frame must begin as made by NewFrame. After an error the frame
// may or may not be durable, until the next successful Write overwrites it.
func (l *Log) Write(frame []byte) (Position, error) {
	size := int64(len(frame))
	if size-headerSize > MaxFrame {
		return Position{}, fmt.Errorf("a frame of %d bytes; it may have %d", size-headerSize, MaxFrame)
	}
	l.used++
	if l.current == nil || l.rolling || l.current.end+size > l.current.size {
		l.rolling = true
		if err := l.roll(size); err != nil {
			return Position{}, err
		}
		l.rolling = false
	}
	s := l.current
	if err := l.put(s, frame); err != nil {
		l.doubtful = true
		return Position{}, err
	}
	at := Position{Segment: s.number, Offset: s.end}
	l.last = l.used
	l.mu.Lock()
	s.end += aligned(size)
	l.mu.Unlock()
	return at, nil
}

func (l *Log) put(s *segment, frame []byte) error {
	if l.doubtful {
		if err := l.reopen(s); err != nil {
			return err
		}
		l.doubtful = false
	}
	l.codec.seal(frame, s.number, l.used, l.last)
	if _, err := s.file.WriteAt(frame, s.end); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	// Data in a file without a name is lost when the process ends.
	return s.check()
}

// reopen opens a new handle of a segment, because the old handle may not report every failed write
// again.
func (l *Log) reopen(s *segment) error {
	if err := s.check(); err != nil {
		return err
	}
	file, err := l.c.FS.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	l.mu.Lock()
	old := s.file
	s.file = file
	l.mu.Unlock()
	_ = old.Close() // already failed
	return nil
}

// roll starts a new segment with room for a frame of the given size. The name and the header of the
// segment are durable before its first frame.
func (l *Log) roll(frame int64) error {
	s, err := l.nextSegment(segmentHeader + aligned(frame))
	if err != nil {
		return err
	}
	if err := l.begin(s); err != nil {
		l.discard(s)
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments[s.number], l.current, l.taken = s, s, false
	if l.oldest == 0 {
		l.oldest = s.number
	}
	return nil
}

// discard drops a segment that was never begun. The next attempt recreates or overwrites the file.
func (l *Log) discard(s *segment) {
	_ = s.file.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = false
	l.bytes -= s.size
}

// nextSegment takes the spare, or makes a segment if there is no spare of sufficient size.
func (l *Log) nextSegment(least int64) (*segment, error) {
	l.mu.Lock()
	s := l.spare
	if s != nil && s.size >= least {
		l.spare, l.taken = nil, true
		l.mu.Unlock()
		return s, nil
	}
	size := max(l.nextSize(), least)
	l.mu.Unlock()
	return l.create(nextName, size)
}

// nextSize returns the size of the next segment. mu is held.
func (l *Log) nextSize() int64 {
	if l.current == nil {
		return min(firstSegment, l.c.SegmentSize)
	}
	return min(max(growth*l.current.size, firstSegment), l.c.SegmentSize)
}

// create makes the file of a segment. A small segment is filled with zeros at once.
func (l *Log) create(name string, size int64) (*segment, error) {
	l.mu.Lock()
	l.bytes += size
	l.mu.Unlock()
	path := filepath.Join(l.c.Folder, name)
	file, err := l.c.FS.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		l.mu.Lock()
		l.bytes -= size
		l.mu.Unlock()
		return nil, err
	}
	s := &segment{path: path, file: file, size: size}
	err = file.Truncate(size)
	if err == nil && size <= firstSegment {
		err = fill(file, 0, size)
		s.filled = size
	}
	if err != nil {
		l.discard(s)
		return nil, err
	}
	return s, nil
}

func (l *Log) begin(s *segment) error {
	s.before, s.end, s.number = l.last, segmentHeader, 1
	if l.current != nil {
		s.number = l.current.number + 1
	}
	if _, err := s.file.WriteAt(l.label(s), 0); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	path := filepath.Join(l.c.Folder, segmentName(s.number))
	if err := l.c.FS.Rename(s.path, path); err != nil {
		return err
	}
	s.path = path
	return l.c.FS.SyncDir(l.c.Folder)
}

// bounded reports whether MaxSize forbids another segment. mu is held.
func (l *Log) bounded() bool { return l.c.MaxSize > 0 && l.bytes+l.nextSize() > l.c.MaxSize }

// Full reports whether the log is in the last eighth of the last permitted segment. The rest is
// reserved for frames that free space. Write does not check Full.
func (l *Log) Full() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.spare == nil && l.filling == nil && l.current != nil && l.current.end > l.current.size/8*7 && l.bounded()
}
