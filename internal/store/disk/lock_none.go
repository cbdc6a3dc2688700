//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package disk

import "os"

// lock does nothing on systems without such locks. There, the operator must ensure that only one
// process writes a file.
func lock(*os.File) error { return nil }
