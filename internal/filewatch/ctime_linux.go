package filewatch

import (
	"os"
	"syscall"
	"time"
)

// changeTime returns when content, mode or owner of a file last changed.
func changeTime(info os.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return time.Time{}
}
