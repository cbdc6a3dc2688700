//go:build !unix

package http1

import "syscall"

// silent always returns true, because there is no portable check.
func silent(syscall.RawConn) bool { return true }
