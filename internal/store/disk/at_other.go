//go:build !linux

package disk

import (
	"errors"
	"io/fs"
)

// named always returns false, because the answer is unknown on this system.
func named(fs.FileInfo) bool { return false }

func isAt(path string, info fs.FileInfo) (size int64, here bool, err error) {
	return isAtPlain(path, info)
}

// Space returns an error, because this system has no portable call for free space.
func (osFS) Space(string) (free, size int64, err error) { return 0, 0, errors.ErrUnsupported }
