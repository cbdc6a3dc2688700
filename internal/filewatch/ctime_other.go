//go:build !linux

package filewatch

import (
	"os"
	"time"
)

// changeTime is not known here. Digests find what modification times do not show.
func changeTime(os.FileInfo) time.Time { return time.Time{} }
