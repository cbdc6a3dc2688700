package audit

import (
	"errors"
	"os"
	"syscall"
)

// syncData leaves out the times, which are worth no write of their own: a
// file system with a journal would commit it for them.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
