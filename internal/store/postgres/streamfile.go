package postgres

import (
	"errors"
	"os"

	"platform.internal/storekeeper/internal/syncdata"
)

// StreamFile is a file for Stream. Each write is synced, so that a power loss removes no line that
// counts as written. If the file is renamed, StreamFile creates a new file.
type StreamFile struct {
	// Path is the path of the file.
	Path string

	file *os.File
}

// Write appends complete lines.
func (f *StreamFile) Write(lines []byte) (int, error) {
	if err := f.reopen(); err != nil {
		// Only an opened file whose last line has ended stays open.
		return 0, errors.Join(err, f.Close())
	}
	n, err := f.file.Write(lines)
	if err == nil {
		err = syncdata.Sync(f.file)
	}
	if err != nil {
		// The write may have ended within a line. The next Write ends that line when it opens the file.
		err = errors.Join(err, f.Close())
	}
	return n, err
}

// reopen opens the file at the path if it is not the open file.
func (f *StreamFile) reopen() error {
	if f.file != nil {
		here, herr := f.file.Stat()
		there, terr := os.Stat(f.Path)
		if herr == nil && terr == nil && os.SameFile(here, there) {
			return nil
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	f.file = file
	return f.endLine()
}

// endLine ends a line that a kill or a failed write cut off. Stream writes that line again.
func (f *StreamFile) endLine() error {
	info, err := f.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	read, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	last := make([]byte, 1)
	_, err = read.ReadAt(last, info.Size()-1)
	if err = errors.Join(err, read.Close()); err == nil && last[0] != '\n' {
		_, err = f.file.WriteString("\n")
	}
	return err
}

// Close closes the file.
func (f *StreamFile) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
