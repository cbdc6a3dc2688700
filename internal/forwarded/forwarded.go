// Package forwarded finds the address of a client behind proxies that are
// trusted to name it.
//
// It must not know any protocol: it is given the address of the connection and
// the X-Forwarded-For lines of the call. It imports nothing of ours.
package forwarded

import (
	"net"
	"net/netip"
	"strings"
)

// maxHops is how many addresses of X-Forwarded-For are looked at.
const maxHops = 32

// Proxies are the networks of proxies whose X-Forwarded-For counts.
type Proxies []netip.Prefix

// Client gives the address of the client. Where the connection comes from a
// trusted proxy, the address is the last one of the header, from the right, that
// is not that of a trusted proxy: the addresses left of it are what the client
// says. Otherwise it is the address of the connection.
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

// Trusts says whether a connection comes from one of the networks.
func (p Proxies) Trusts(connection net.Addr) bool {
	a, ok := parse(connection.String())
	return ok && p.trust(a)
}

// parse reads an address with or without a port.
func parse(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}
