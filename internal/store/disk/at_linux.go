package disk

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// named reports whether an open file still has a name.
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

// isAt reports whether path names the file of info, and its length. It does not request times:
// after a request for times, the kernel records the time of the next write with nanoseconds, and
// the next fdatasync must then write that time too.
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
		// An old kernel, or a sandbox that forbids statx.
		return isAtPlain(path, info)
	case err != nil:
		return 0, false, &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	here = found.Ino == ours.Ino && unix.Mkdev(found.Dev_major, found.Dev_minor) == ours.Dev
	return int64(found.Size), here, nil //nolint:gosec // No file is longer than an int64.
}
