// Package forwarded finds the address of a client behind trusted proxies.
//
// The package must not know any protocol: it gets the address of the connection
// and the X-Forwarded-For lines of the call. It imports nothing of Storekeeper.
package forwarded

import (
	"net"
	"net/netip"
	"strings"
)

// maxHops is the number of addresses in X-Forwarded-For that are read.
const maxHops = 32

// Proxies are the networks of proxies whose X-Forwarded-For is trusted.
type Proxies []netip.Prefix

// Client returns the address of the client. If the connection comes from a trusted proxy, the result is the
// rightmost address in the header that is not a trusted proxy: addresses to the left are the client's claim.
// Otherwise the result is the address of the connection.
func (p Proxies) Client(connection string, header []string) string {
	if len(p) == 0 || len(header) == 0 {
		return connection
	}
	at, ok := parse(connection)
	if !ok || !p.trust(at) {
		return connection
	}
	client := connection
	rest := strings.Join(header, ",")
	for range maxHops {
		comma := strings.LastIndexByte(rest, ',')
		hop, isAddress := parse(strings.TrimSpace(rest[comma+1:]))
		if !isAddress {
			return client
		}
		client = hop.String()
		if !p.trust(hop) || comma < 0 {
			return client
		}
		rest = rest[:comma]
	}
	return client
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// Trusts reports whether a connection comes from one of the networks.
func (p Proxies) Trusts(connection net.Addr) bool {
	a, ok := parse(connection.String())
	return ok && p.trust(a)
}

// parse parses an address with or without a port.
func parse(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}
