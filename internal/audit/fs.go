package audit

import (
	"io"
	"io/fs"
	"os"

	"platform.internal/storekeeper/internal/syncdata"
)

// FS is what the file sink needs of a file system. Paths are those of package
// os, errors match those of package io/fs.
type FS interface {
	// OpenFile is like os.OpenFile.
	OpenFile(path string, flag int, mode fs.FileMode) (File, error)
	// Stat is like os.Stat. Its results can be given to os.SameFile.
	Stat(path string) (fs.FileInfo, error)
	// Rename is like os.Rename.
	Rename(from, to string) error
	// SyncDir makes the names in the folder durable.
	SyncDir(folder string) error
}

// File is what the file sink needs of an open file. What has no comment is as
// with os.File.
type File interface {
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	// At tells whether path names this file, and how long it is then. An error
	// says that nobody knows: path cannot be looked at.
	At(path string) (size int64, here bool, err error)
	Sync() error
	// SyncData is Sync for content and length. Times and rights of the file
	// need not become durable.
	SyncData() error
	Truncate(size int64) error
	Chmod(mode fs.FileMode) error
	// Lock takes the file for this process until it is closed, or returns an
	// error at once.
	Lock() error
}

// OS returns the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) OpenFile(path string, flag int, mode fs.FileMode) (File, error) {
	f, err := os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return osFile{File: f, info: info}, nil
}

func (osFS) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) SyncDir(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closing := d.Close(); err == nil {
		err = closing
	}
	return err
}

// osFile is an open file. What it is does not change while it is open, so info
// is asked for once.
type osFile struct {
	*os.File
	info fs.FileInfo
}

func (f osFile) Lock() error { return lock(f.File) }

func (f osFile) SyncData() error { return syncdata.Sync(f.File) }

func (f osFile) At(path string) (size int64, here bool, err error) { return isAt(path, f.info) }

// isAtPlain is isAt for any system.
func isAtPlain(path string, info fs.FileInfo) (size int64, here bool, err error) {
	there, err := os.Stat(path)
	if err != nil {
		return 0, false, err
	}
	return there.Size(), os.SameFile(there, info), nil
}
