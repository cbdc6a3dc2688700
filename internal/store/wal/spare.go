package wal

import (
	"errors"
	"os"
	"path/filepath"

	"platform.internal/storekeeper/internal/store/disk"
)

// page is the size in bytes of a write of zeros. Newer kernels put a larger write into one large
// folio of the page cache, and each later sync of a part walks over the whole folio.
const page = 4 << 10

// syncEvery is the number of zero bytes written between two syncs, so that the sync of a frame does
// not wait long for them.
const syncEvery = 1 << 20

// Used shares of the current segment: at spareFrom the spare is begun, so that a log that is hardly used
// stays small, and at spareBy it is complete.
const (
	spareFrom = 1.0 / 8
	spareBy   = 3.0 / 4
)

// MakeSpare fills the next segment in advance, by 1 MiB per call and in proportion to the use of the
// current segment: filled at once, it would keep the disk busy for a second and delay the
// frames. MakeSpare reports whether the call filled a part and more is to follow. It must not be
// called concurrently with itself or Close, but may run concurrently with Write.
func (l *Log) MakeSpare() (more bool, err error) {
	s, due, err := l.spareDue()
	if err != nil || s == nil || s.filled >= due && due < s.size {
		return false, err
	}
	to := min(due, s.filled+syncEvery)
	if err = fill(s.file, s.filled, to); err == nil {
		err = s.file.Sync()
	}
	switch {
	case err != nil:
		return false, errors.Join(err, l.dropFilling())
	case to < s.size:
		s.filled = to
		return true, nil
	}
	return false, l.keepSpare()
}

// spareDue returns the segment that is to become the spare, and the number of bytes that it must have
// by now. It returns nil if no spare is needed.
func (l *Log) spareDue() (s *segment, due int64, err error) {
	l.mu.RLock()
	used := 0.0
	if l.current != nil {
		used = float64(l.current.end) / float64(l.current.size)
	}
	s, exists, size := l.filling, l.spare != nil, l.nextSize()
	begin := !l.taken && !l.bounded() && used >= spareFrom
	over := l.c.MaxSize > 0 && l.bytes > l.c.MaxSize
	l.mu.RUnlock()
	switch {
	case s != nil && (exists || over):
		// A removed segment has become the spare, or a segment was begun without one.
		return nil, 0, l.dropFilling()
	case exists, s == nil && !begin:
		return nil, 0, nil
	case s == nil:
		if s, err = l.create(fillingName, size); err != nil {
			return nil, 0, err
		}
		l.mu.Lock()
		l.filling = s
		l.mu.Unlock()
	}
	if used >= spareBy {
		return s, s.size, nil
	}
	return s, int64(used/spareBy*float64(s.size)) / syncEvery * syncEvery, nil
}

// keepSpare gives the filled segment its name. While a segment that is about to be begun still has that
// name, keepSpare does nothing, and the next call of MakeSpare tries again.
func (l *Log) keepSpare() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spare != nil || l.taken {
		return nil
	}
	path := filepath.Join(l.c.Folder, spareName)
	if err := l.c.FS.Rename(l.filling.path, path); err != nil {
		return err
	}
	l.filling.path = path
	l.spare, l.filling = l.filling, nil
	return nil
}

// dropFilling removes a segment that does not become the spare.
func (l *Log) dropFilling() error {
	l.mu.Lock()
	s := l.filling
	l.filling = nil
	l.bytes -= s.size
	l.mu.Unlock()
	return errors.Join(s.file.Close(), l.c.FS.Remove(s.path))
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

// takeLeftSpare takes over the spare segment of an earlier process, and removes one that was not
// filled.
func (l *Log) takeLeftSpare() error {
	if err := l.c.FS.Remove(filepath.Join(l.c.Folder, fillingName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
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
		// The file may be incomplete. It is created again when needed.
		return errors.Join(err, file.Close(), l.c.FS.Remove(path))
	}
	l.spare = &segment{path: path, file: file, size: info.Size()}
	l.bytes += info.Size()
	return nil
}
