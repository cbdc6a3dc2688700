//go:build unix

package http1

import (
	"errors"
	"syscall"
)

// silent reports whether the peer of a connection has neither closed the connection nor sent data.
func silent(raw syscall.RawConn) bool {
	quiet := false
	err := raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:])
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
