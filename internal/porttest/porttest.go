// Package porttest finds TCP ports for tests of programs with a configured port.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports from first up to last are below the range that Linux assigns to clients and to listeners on
// port 0 (net.ipv4.ip_local_port_range, from 32768), so that the system assigns none of these ports
// between the call and the start of the program.
const (
	first = 20000
	last  = 32000
)

var given struct { //nolint:gochecknoglobals // Tests of a package know nothing of one another.
	sync.Mutex
	ports map[int]bool
}

// Address returns an unused address of 127.0.0.1. No address is returned twice in a process.
func Address(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(Port(t)))
}

// Port returns an unused port of 127.0.0.1. No port is returned twice in a process.
func Port(t testing.TB) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	for range last - first {
		port := first + rand.IntN(last-first) //nolint:gosec // A port is no secret.
		if given.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		_ = l.Close()
		if given.ports == nil {
			given.ports = map[int]bool{}
		}
		given.ports[port] = true
		return port
	}
	t.Fatal("127.0.0.1 has no free port")
	return 0
}
