package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/disk"
)

// target is the destination of the lines of a generation.
type target struct {
	fs disk.FS
	// path is the path of the file, or empty for a stream.
	path string
	// rest is the path of a substitute file for lines whose own file is lost. The file is created
	// with the first line.
	rest string
	// moved reports that the file was renamed away from its path.
	moved bool
	file  disk.File
	size  int64

	stream io.Writer
	// torn reports that the last line of the stream may be incomplete.
	torn bool
}

// inPlace reports whether the file was at its path at the last check.
func (t *target) inPlace() bool { return t.file != nil && !t.moved && t.rest == "" }

func (t *target) write(lines []byte) error {
	if t.stream != nil {
		return t.emit(lines)
	}
	if t.file == nil {
		file, err := t.fs.OpenFile(t.rest, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		t.file, t.size = file, 0
		if err := t.fs.SyncDir(filepath.Dir(t.rest)); err != nil {
			return err
		}
	}
	n, err := t.file.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		t.size += int64(n)
	}
	return err
}

// emit writes lines to the stream. Written bytes cannot be taken back, so an incomplete line is
// ended with a line feed, and the retry writes the line again.
func (t *target) emit(lines []byte) error {
	if t.torn {
		if _, err := t.stream.Write([]byte("\n")); err != nil {
			return err
		}
		t.torn = false
	}
	n, err := t.stream.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err != nil {
		t.torn = n > 0 && lines[n-1] != '\n'
	}
	return err
}

func (t *target) sync() error {
	if t.file == nil {
		return nil
	}
	return t.file.Sync()
}

func (t *target) close() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}

// ends reports whether the first size bytes of a file end with the line at a place.
func ends(file io.ReaderAt, size int64, at audit.Place) bool {
	if size < audit.LineEnd {
		return size == 0
	}
	text := make([]byte, audit.LineEnd)
	_, err := file.ReadAt(text, size-audit.LineEnd)
	return (err == nil || errors.Is(err, io.EOF)) && at.EndsLine(text)
}

// others is the mode bits for all other users. The group bits are left to the operator, because log
// shippers and Kubernetes volumes use them.
const others fs.FileMode = 0o007

var errResized = errors.New("the audit file has another size than was written")

// create opens an empty audit file, or creates it. The file is private, and its name survives a
// power loss.
func create(system disk.FS, path string) (disk.File, error) {
	file, err := system.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != 0 {
		err = errResized
	}
	// An empty file prepared by the operator may be accessible to others.
	if err == nil && info.Mode().Perm()&others != 0 {
		err = file.Chmod(0o600)
	}
	if err == nil {
		err = system.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// trailHead is the file that names the last durable record of the audit file, so that a missing end
// is detected. It is written in place, and locked.
type trailHead struct {
	fs     disk.FS
	path   string
	origin audit.Origin
	key    []byte
	file   disk.File
	buf    []byte
	failed bool
	// empty reports that the head named no record when it was read.
	empty bool
}

// open opens and locks the head file.
func (h *trailHead) open() error {
	_ = h.close() // the file has failed, or was never open
	file, err := h.fs.OpenFile(h.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := file.Lock(); err != nil {
		return errors.Join(fmt.Errorf("%w: %s: %w", audit.ErrLocked, h.path, err), file.Close())
	}
	h.file = file
	return nil
}

// read returns the content of the head.
func (h *trailHead) read() ([]byte, error) {
	text := make([]byte, audit.HeadBytes+1)
	n, err := h.file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	h.empty = n == 0
	return text[:n], nil
}

// write makes at the durable place in the head. After a failure write uses a new handle.
func (h *trailHead) write(at audit.Place) error {
	if h.path == "" {
		return nil
	}
	if h.failed {
		if err := h.open(); err != nil {
			return err
		}
		info, err := h.file.Stat()
		if err == nil && info.Size() != audit.HeadBytes {
			err = h.file.Truncate(0) // another length means that another program wrote the file
		}
		if err != nil {
			return err
		}
	}
	if h.failed || h.empty {
		if err := h.fs.SyncDir(filepath.Dir(h.path)); err != nil {
			return err
		}
	}
	h.failed = true
	h.buf = audit.AppendHead(h.buf[:0], at, h.origin, h.key)
	if _, err := h.file.WriteAt(h.buf, 0); err != nil {
		return err
	}
	if err := h.file.Sync(); err != nil {
		return err
	}
	size, here, err := h.file.At(h.path)
	if err == nil && (!here || size != audit.HeadBytes) {
		err = fmt.Errorf("%s is not the file that was written", h.path)
	}
	h.failed = err != nil
	h.empty = h.empty && h.failed
	return err
}

func (h *trailHead) close() error {
	if h.file == nil {
		return nil
	}
	err := h.file.Close()
	h.file = nil
	return err
}
