// Package disk is the file system interface of the store, so that tests can use a file system that
// fails or that loses data without a sync.
//
// The package does not know the content of the files.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"platform.internal/storekeeper/internal/syncdata"
)

// FS is a file system. Paths are those of package os, errors match those of
// package io/fs.
type FS interface {
	// OpenFile is like os.OpenFile.
	OpenFile(path string, flag int, mode fs.FileMode) (File, error)
	// Stat is like os.Stat.
	Stat(path string) (fs.FileInfo, error)
	// Rename is like os.Rename.
	Rename(from, to string) error
	// Remove is like os.Remove.
	Remove(path string) error
	// MkdirAll is like os.MkdirAll.
	MkdirAll(path string, mode fs.FileMode) error
	// Names returns the names in a folder, sorted.
	Names(folder string) ([]string, error)
	// SyncDir makes the names in a folder durable.
	SyncDir(folder string) error
	// Space returns the free bytes on the disk of a folder, and its size.
	Space(folder string) (free, size int64, err error)
}

// File is an open file. Methods without a comment are as in os.File.
type File interface {
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	// At reports whether path names this file, and the size of the file if so. An error means that
	// path cannot be examined.
	At(path string) (size int64, here bool, err error)
	// Named reports whether the file still has a name.
	Named() bool
	// Sync makes content and size durable, but not necessarily the times of the file.
	Sync() error
	Truncate(size int64) error
	Chmod(mode fs.FileMode) error
	// Lock locks the file for this process until Close, or fails at once.
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

func (osFS) Remove(path string) error { return os.Remove(path) }

func (osFS) MkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }

func (osFS) Names(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osFS) SyncDir(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	// Some file systems do not support the sync of a folder and return EINVAL.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}

// osFile is an open file. info identifies the file, which does not change while the file is open.
type osFile struct {
	*os.File

	info fs.FileInfo
}

func (f osFile) Lock() error { return lock(f.File) }

func (f osFile) Sync() error { return syncdata.Sync(f.File) }

func (f osFile) At(path string) (size int64, here bool, err error) { return isAt(path, f.info) }

func (f osFile) Named() bool {
	info, err := f.Stat()
	return err == nil && named(info)
}

// isAtPlain is isAt for systems without a special implementation.
func isAtPlain(path string, info fs.FileInfo) (size int64, here bool, err error) {
	there, err := os.Stat(path)
	if err != nil {
		return 0, false, err
	}
	return there.Size(), os.SameFile(there, info), nil
}
