//go:build !unix

package http1

import "syscall"

// silence returns a function that always returns true, because there is no portable check.
func silence(syscall.RawConn) func() bool { return func() bool { return true } }
