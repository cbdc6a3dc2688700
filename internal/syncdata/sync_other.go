//go:build !linux

package syncdata

import "os"

// Sync returns once f is on disk, including the times, because not every system can omit them.
func Sync(f *os.File) error { return f.Sync() }
