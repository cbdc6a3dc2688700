package disktest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// File is an open file of an FS.
type File struct {
	fs     *FS
	node   *node
	path   string
	append bool
	closed bool
}

// touch saves the content of sectors before a write. The caller holds the mutex.
func (n *node) touch(from, to int64) {
	for at := from / sector; at*sector < to; at++ {
		c, known := n.before[at]
		if !known {
			end := min(at*sector+sector, int64(len(n.text)))
			c.text = slices.Clone(n.text[min(at*sector, end):end])
		}
		c.lost = false
		n.before[at] = c
	}
}

func (n *node) cut(size int64) {
	if size < int64(len(n.text)) {
		n.touch(size, int64(len(n.text)))
		n.text = n.text[:size]
	} else {
		n.text = append(n.text, make([]byte, size-int64(len(n.text)))...)
	}
}

// Write implements disk.File.
func (f *File) Write(text []byte) (int, error) {
	f.fs.mu.Lock()
	end := int64(len(f.node.text))
	f.fs.mu.Unlock()
	if !f.append {
		return 0, errors.New("disktest: Write is for files that are appended to")
	}
	return f.WriteAt(text, end)
}

// WriteAt implements disk.File.
func (f *File) WriteAt(text []byte, at int64) (int, error) {
	err := f.fs.do("write", f.path)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch {
	case f.closed:
		return 0, os.ErrClosed
	case errors.Is(err, ErrHalf):
		// A sector is written atomically.
		half := (at+int64(len(text)/2))/sector*sector - at
		text, err = text[:max(half, 0)], syscall.ENOSPC
	case err != nil:
		return 0, err
	}
	n := f.node
	end := at + int64(len(text))
	n.touch(at, end)
	if end > int64(len(n.text)) {
		n.text = append(n.text, make([]byte, end-int64(len(n.text)))...)
	}
	copy(n.text[at:], text)
	return len(text), err
}

// ReadAt implements disk.File.
func (f *File) ReadAt(to []byte, at int64) (int, error) {
	if err := f.fs.do("read", f.path); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	if at >= int64(len(f.node.text)) {
		return 0, io.EOF
	}
	n := copy(to, f.node.text[at:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

// Close implements disk.File.
func (f *File) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	f.closed = true
	if f.node.lock == f {
		f.node.lock = nil
	}
	return nil
}

// Stat implements disk.File.
func (f *File) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.info(f.path), nil
}

// At implements disk.File.
func (f *File) At(path string) (size int64, here bool, err error) {
	if err := f.fs.do("stat", path); err != nil {
		return 0, false, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n := f.fs.names[path]
	if n == nil {
		return 0, false, &fs.PathError{Op: "stat", Path: path, Err: syscall.ENOENT}
	}
	return int64(len(n.text)), n == f.node, nil
}

// Named implements disk.File.
func (f *File) Named() bool {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for _, n := range f.fs.names {
		if n == f.node {
			return true
		}
	}
	return false
}

// Sync implements disk.File. After a failed Sync, the written data stays visible, but a later Sync
// does not make the data durable.
func (f *File) Sync() error {
	err := f.fs.do("sync", f.path)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	n := f.node
	for at, c := range n.before {
		switch {
		case err != nil:
			c.lost = true
			n.before[at] = c
		case !c.lost:
			delete(n.before, at)
		}
	}
	if err == nil {
		n.synced = int64(len(n.text))
	}
	return err
}

// Truncate implements disk.File.
func (f *File) Truncate(size int64) error {
	if err := f.fs.do("truncate", f.path); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.cut(size)
	return nil
}

// Chmod implements disk.File.
func (f *File) Chmod(mode fs.FileMode) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.mode = mode
	return nil
}

// Lock implements disk.File.
func (f *File) Lock() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.node.lock != nil && f.node.lock != f {
		return syscall.EWOULDBLOCK
	}
	f.node.lock = f
	return nil
}
