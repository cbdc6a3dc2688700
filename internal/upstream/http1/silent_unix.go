//go:build unix

package http1

import (
	"errors"
	"syscall"
)

// silence returns a function that reports whether the peer of a connection has neither closed the
// connection nor sent data. The function allocates nothing, and one goroutine may call it at a time.
func silence(raw syscall.RawConn) func() bool {
	var b [1]byte
	quiet := false
	read := func(fd uintptr) bool {
		_, err := syscall.Read(int(fd), b[:])
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	}
	return func() bool {
		quiet = false
		err := raw.Read(read)
		return err == nil && quiet
	}
}
