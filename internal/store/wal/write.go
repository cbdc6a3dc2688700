package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"platform.internal/storekeeper/internal/store/disk"
)

// page is how many zeros are written at once. Newer kernels keep a larger write in
// one large folio of the page cache, which each sync of a part of it walks over.
const page = 4 << 10

// syncEvery is how many bytes of zeros are written between two syncs, so that a
// frame's sync does not wait for many of them.
const syncEvery = 1 << 20

// NewFrame appends the room for a frame's header to an empty buffer. The content
// is appended behind it.
func NewFrame(buffer []byte) []byte { return append(buffer[:0], make([]byte, headerSize)...) }

// ContentOffset is where the content of a frame begins behind its Position.
const ContentOffset = headerSize

// Write makes a frame durable, which must have begun as NewFrame. After an error
// it may be durable or not, until the next Write that returns nil puts its own in
// the place.
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
	// What is in a file without a name is lost with the process.
	return s.check()
}

// reopen gets a new handle of a segment: whether an earlier one tells of every
// failed write again is not known.
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
	_ = old.Close() // it has failed already
	return nil
}

// roll goes on in a new segment, which has room for a frame of that size. The name
// and the header of the segment are durable before a frame is.
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

// discard gives up a segment that was never begun. Its file is made anew or
// written over the next time.
func (l *Log) discard(s *segment) {
	_ = s.file.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = false
	l.bytes -= s.size
}

// nextSegment takes the spare, or makes a segment if there is none that fits.
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

// nextSize is how large the next segment is. mu is held.
func (l *Log) nextSize() int64 {
	if l.current == nil {
		return min(firstSegment, l.c.SegmentSize)
	}
	return min(max(growth*l.current.size, firstSegment), l.c.SegmentSize)
}

// create makes the file of a segment. A small one is filled with zeros at once.
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
	}
	if err != nil {
		l.discard(s)
		return nil, err
	}
	return s, nil
}

// fill writes zeros.
func fill(file disk.File, from, to int64) error {
	zeros := make([]byte, page)
	for at := from; at < to; at += page {
		if _, err := file.WriteAt(zeros[:min(page, to-at)], at); err != nil {
			return err
		}
	}
	return nil
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

// bounded says whether there may be no further segment. mu is held.
func (l *Log) bounded() bool { return l.c.MaxSize > 0 && l.bytes+l.nextSize() > l.c.MaxSize }

// Full says whether the last eighth of the last segment is in use that the log may
// have. What is left is for frames that make room. Write does not look at it.
func (l *Log) Full() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.spare == nil && l.current != nil && l.current.end > l.current.size/8*7 && l.bounded()
}

// MakeSpare makes the next segment ahead, where there is none and the segment in
// use is half full. It is for one goroutine at a time, and may run beside Write.
func (l *Log) MakeSpare() error {
	l.mu.RLock()
	needed := l.spare == nil && !l.taken && !l.bounded() && l.current != nil && l.current.end > l.current.size/2
	size := l.nextSize()
	l.mu.RUnlock()
	if !needed {
		return nil
	}
	s, err := l.create(spareName, size)
	for at := int64(0); err == nil && at < size; at += syncEvery {
		if err = fill(s.file, at, min(at+syncEvery, size)); err == nil {
			err = s.file.Sync()
		}
	}
	if err != nil {
		if s != nil {
			l.discard(s)
		}
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.segments == nil || l.spare != nil {
		l.bytes -= size
		return s.file.Close()
	}
	l.spare = s
	return nil
}

// takeLeftSpare takes a spare segment that an earlier process left.
func (l *Log) takeLeftSpare() error {
	path := filepath.Join(l.c.Folder, spareName)
	file, err := l.c.FS.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil || info.Size() != l.c.SegmentSize {
		// Only a part of it may be there. It is made again when it is needed.
		return errors.Join(err, file.Close(), l.c.FS.Remove(path))
	}
	l.spare = &segment{path: path, file: file, size: info.Size()}
	l.bytes += info.Size()
	return nil
}
