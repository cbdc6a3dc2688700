package journal

import (
	"fmt"
	"io"
	"os"

	"platform.internal/storekeeper/internal/syncdata"
)

// File is what the journal needs of a file. All but Size is as with os.File.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes what was written durable, and the size where it grew.
	Sync() error
	Truncate(size int64) error
	// Size is how many bytes the file has.
	Size() (int64, error)
}

// OpenFile opens a file of this machine or makes it with mode 0600, which it is
// given where others could read it. That its name in the folder is durable is
// left to the caller.
func OpenFile(path string) (File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		err = file.Chmod(0o600)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return osFile{file}, nil
}

type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncdata.Sync(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func readAll(file File) ([]byte, error) {
	size, err := file.Size()
	if err != nil || size == 0 {
		return nil, err
	}
	text := make([]byte, size)
	_, err = io.ReadFull(io.NewSectionReader(file, 0, size), text)
	return text, err
}
