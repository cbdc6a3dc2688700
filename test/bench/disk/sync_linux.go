package disk

import (
	"os"
	"syscall"
)

// syncData makes written data durable, without the file's times.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
