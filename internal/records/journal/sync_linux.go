package journal

import (
	"errors"
	"os"
	"syscall"
)

// syncData leaves out the times of the file, which nobody needs and which
// would cost the file system a commit of its own.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
