//go:build !linux

package disk

import "os"

// syncData makes durable what was written.
func syncData(f *os.File) error { return f.Sync() }
