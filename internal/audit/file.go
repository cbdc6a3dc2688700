package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"go.uber.org/zap"
)

// asideStamp dates a file that was moved aside.
const asideStamp = "20060102T150405.000000Z"

// others are the rights of everyone else. Those of the group are left to the
// operator: shippers of logs and volumes in Kubernetes use them.
const others fs.FileMode = 0o007

// fileMedium writes lines to an append-only file. The order of each commit is
// what the guarantees rest on:
//
//	lines, sync, look whether the file is still in its place, head, sync
//
// so a record is acknowledged only when its line and the head that names it are
// durable, and the head never names a line that is not.
type fileMedium struct {
	ledger
	fs   FS
	path string
	head headFile

	file File
	// size is how many bytes of the open file are acknowledged.
	size int64
	// began is the file that was begun last, so that an unacknowledged first
	// line in it is known as our own.
	began fs.FileInfo
	// rotateSize is the size from which on a file is followed by another one. 0:
	// never.
	rotateSize int64
	// moved says that the file that was let go lives on under another name.
	moved bool
	// lost counts the files whose records were found missing.
	lost   atomic.Int64
	logger *zap.Logger
}

// commit makes the bodies durable. After an error nothing may be assumed of
// the file until repair has returned nil.
func (m *fileMedium) commit(bodies [][]byte) error {
	// A file that was moved since the last commit is found before it is
	// written to, so that the moved one needs no cutting.
	if err := inPlace(m.path, m.file, m.size); err != nil {
		return err
	}
	if m.rotateSize > 0 && m.size >= m.rotateSize {
		if err := m.rotate(); err != nil {
			return err
		}
	}
	text, next := m.lines(bodies)
	if n, err := m.file.Write(text); err != nil {
		return err
	} else if n < len(text) {
		return io.ErrShortWrite
	}
	if err := m.file.Sync(); err != nil {
		return err
	}
	size := m.size + int64(len(text))
	if err := inPlace(m.path, m.file, size); err != nil {
		return err
	}
	if err := m.head.write(next); err != nil {
		return err
	}
	m.size = size
	m.noteLoss()
	m.accept(next)
	return nil
}

// repair brings file and head back to the last acknowledged record, through
// new handles: after a failed write or sync neither the place in the file nor
// what the system holds in memory of it can be trusted.
func (m *fileMedium) repair() error {
	// The head first. It may already name lines that the next step cuts off,
	// and a crash between the two must not look like a deletion.
	if err := m.head.restore(m.at); err != nil {
		return fmt.Errorf("restoring the head: %w", err)
	}
	m.note = ReasonWriteFailed
	m.letGo()
	if err := m.takeUp(); err != nil {
		return fmt.Errorf("reopening the file: %w", err)
	}
	return nil
}

// letGo cuts what was not acknowledged off the old handle, whose file may no
// longer be at the path, and closes it. A renamed file ends where the new one
// goes on. Errors do not matter: takeUp looks at what is at the path.
func (m *fileMedium) letGo() {
	if m.file == nil {
		return
	}
	info, err := m.file.Stat()
	m.moved = err == nil && info.Size() >= m.size && named(info)
	if err == nil && info.Size() > m.size && m.ends(m.file) {
		_ = m.file.Truncate(m.size)
		_ = m.file.Sync()
	}
	m.close()
}

// takeUp opens what is at the path and goes on in it where it holds the
// acknowledged records, or is empty. Anything else is moved aside, never
// changed, and a new file continues the chain.
func (m *fileMedium) takeUp() error {
	there, err := m.fs.Stat(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m.begin(m.whyGone())
	case err != nil:
		return err
	case !there.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", m.path)
	}
	// Not created here: that is left to begin, which makes the name durable.
	file, err := m.fs.OpenFile(m.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	ours, err := m.resume(file)
	if err != nil || ours && m.size > 0 {
		return err
	}
	_ = file.Close()
	if ours {
		return m.begin(ReasonFileLost)
	}
	if err := m.fs.Rename(m.path, m.path+".damaged-"+m.now().UTC().Format(asideStamp)); err != nil {
		return err
	}
	return m.begin(ReasonFileDamaged)
}

// resume says whether the file can be gone on with, empty or from the last
// acknowledged record, and if so cuts off what comes behind. It closes the
// file where it returns an error.
func (m *fileMedium) resume(file File) (ours bool, err error) {
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return false, err
	}
	switch size := info.Size(); {
	case size == 0:
		// The records that it held are gone, or it is new.
		m.size, m.began = 0, nil
		return true, nil
	case m.size == 0:
		ours = m.began != nil && os.SameFile(info, m.began)
	default:
		ours = size >= m.size && m.ends(file)
	}
	if !ours {
		return false, nil
	}
	if info.Size() > m.size {
		err = file.Truncate(m.size)
		if err == nil {
			err = file.Sync()
		}
		if err != nil {
			_ = file.Close()
			return false, err
		}
	}
	if m.size > 0 {
		m.file = file
	}
	return true, nil
}

// begin opens an empty file, a new one where there is none, for the records
// after the last acknowledged one.
func (m *fileMedium) begin(reason string) error {
	file, err := m.fs.OpenFile(m.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := m.prepare(file)
	if err != nil {
		_ = file.Close()
		return err
	}
	m.file, m.began, m.size, m.note = file, info, 0, reason
	return nil
}

// prepare makes sure that the file is empty, private, and will be found under
// its name after a crash.
func (m *fileMedium) prepare(file File) (fs.FileInfo, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != 0 {
		return nil, errResized
	}
	// Whoever made an empty file ready may have left it open to others.
	if info.Mode().Perm()&others != 0 {
		if err := file.Chmod(0o600); err != nil {
			return nil, err
		}
	}
	return info, m.fs.SyncDir(filepath.Dir(m.path))
}

// ends says whether the acknowledged bytes of the file end with the last
// acknowledged record.
func (m *fileMedium) ends(file File) bool {
	want := hex.AppendEncode(nil, m.at.hash[:])
	want = append(want, "\"}\n"...)
	if m.size < int64(len(want)) {
		return m.size == 0
	}
	got := make([]byte, len(want))
	_, err := file.ReadAt(got, m.size-int64(len(want)))
	return (err == nil || errors.Is(err, io.EOF)) && string(got) == string(want)
}

// close closes the audit file only. The head keeps the lock.
func (m *fileMedium) close() {
	if m.file != nil {
		_ = m.file.Close()
		m.file = nil
	}
}

func (m *fileMedium) end() {
	m.close()
	m.head.close()
}
