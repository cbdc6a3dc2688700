package syncdata

import (
	"errors"
	"os"
	"syscall"
)

// Sync returns once the content of f, and the size if f grew, are on disk. The error is the error
// of the system call.
func Sync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
