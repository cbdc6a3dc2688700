// Package porttest finds TCP ports for tests of programs that must be told their port.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports from first up to last are below those that Linux gives to clients and to
// listeners on port 0 (net.ipv4.ip_local_port_range, from 32768), so that nobody gets
// one by chance between the call and the start of the program.
const (
	first = 20000
	last  = 32000
)

var given struct { //nolint:gochecknoglobals // Tests of a package know nothing of one another.
	sync.Mutex
	ports map[int]bool
}

// Address returns an address of 127.0.0.1 at which nobody listens. No address is
// returned twice in a process.
func Address(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(Port(t)))
}

// Port returns a port of 127.0.0.1 at which nobody listens. No port is returned twice in
// a process.
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
