//go:build !linux

package syncdata

import "os"

// Sync returns once f is on disk, including its times: not every system can
// leave them out.
func Sync(f *os.File) error { return f.Sync() }
