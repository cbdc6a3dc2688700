//go:build !linux

package filewatch

import (
	"os"
	"time"
)

// changeTime returns the zero time, because this system does not report change times. Digests find changes
// that modification times do not show.
func changeTime(os.FileInfo) time.Time { return time.Time{} }
