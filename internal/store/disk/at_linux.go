package disk

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// named says whether an open file has a name still.
func named(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 0
}

// Space returns the free bytes on the disk of a folder, and the size of the disk.
func (osFS) Space(folder string) (free, size int64, err error) {
	var found unix.Statfs_t
	if err := unix.Statfs(folder, &found); err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: folder, Err: err}
	}
	//nolint:gosec // No disk is larger than an int64.
	return int64(found.Bavail) * found.Bsize, int64(found.Blocks) * found.Bsize, nil
}

// isAt tells whether path names the file of that info, and its length. It does
// not ask for times: where they were asked for, the system notes the time of
// the next write to the nanosecond, and a sync that would have had none of that
// to write has to.
func isAt(path string, info fs.FileInfo) (size int64, here bool, err error) {
	var found unix.Statx_t
	for {
		err = unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_SIZE, &found)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	ours, known := info.Sys().(*syscall.Stat_t)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), !known:
		// An old system, or one that does not let us.
		return isAtPlain(path, info)
	case err != nil:
		return 0, false, &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	here = found.Ino == ours.Ino && unix.Mkdev(found.Dev_major, found.Dev_minor) == ours.Dev
	return int64(found.Size), here, nil //nolint:gosec // No file is longer than an int64.
}
