//go:build !linux

package audit

import "io/fs"

func isAt(path string, info fs.FileInfo) (size int64, here bool, err error) {
	return isAtPlain(path, info)
}
