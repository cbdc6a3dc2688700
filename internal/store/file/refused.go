package file

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"platform.internal/storekeeper/internal/audit"
)

// refused returns the error for unusable files, with instructions.
func refused(folder string, err error) error {
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, audit.ErrLocked), errors.Is(err, audit.ErrBroken), errors.Is(err, errPath):
		return fmt.Errorf("state %s: %w", folder, err)
	case ofDisk(err):
		return fmt.Errorf("state %s: %w. The disk refused it, and the files are as they were: free space, or give the user of the service access, "+
			"and start again (docs/state.md)", folder, err)
	}
	return fmt.Errorf("state %s: %w. Restore the folder and the key file from one backup, or move both away to begin a new state, "+
		"which forgets earlier changes (docs/state.md)", folder, err)
}

// ofDisk reports whether the operating system refused to open or write a file, so
// that nothing is known to be wrong with the content.
func ofDisk(err error) bool {
	return slices.ContainsFunc([]error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EMFILE, syscall.ENFILE,
	}, func(known error) bool { return errors.Is(err, known) })
}
