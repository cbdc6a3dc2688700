package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"time"
)

// maxShutdownGrace is the maximum of shutdown_grace. It detects a wrong unit.
const maxShutdownGrace = time.Hour

const (
	maxDrainDelay     = 5 * time.Minute
	defaultDrainDelay = 5 * time.Second
)

// Listen configures the listeners. An address is host:port. An empty host is
// every interface, port 0 any free port.
type Listen struct {
	// REST is the address of the REST facade.
	REST string `yaml:"rest" type:"host:port" doc:"Address of the REST facade. An empty host is every interface; port 0 takes a free port. The three addresses must be different." example:"0.0.0.0:8080"`
	// GRPC is the address of the gRPC service.
	GRPC string `yaml:"grpc" type:"host:port" doc:"Address of the gRPC service." example:"0.0.0.0:9090"`
	// Admin is the address of probes, metrics and profiles. It has no authentication, so callers must not be
	// able to reach the address.
	Admin string `yaml:"admin" type:"host:port" doc:"Address of probes, metrics and profiles. It has no authentication: callers must not be able to reach it." example:"127.0.0.1:9091"`
	// ShutdownGrace is the time for running calls to end at a stop, from 0 to 1 hour.
	ShutdownGrace time.Duration `yaml:"shutdown_grace" doc:"How long running calls may take to end at a stop, from 0s to 1h. With 0s they are cut off at once." example:"20s"`
	// DrainDelay is the time for which the listeners stay open after readiness fails.
	DrainDelay time.Duration `yaml:"drain_delay" doc:"How long Storekeeper continues to serve after the signal to stop, from 0s to 5m. Readiness fails at once (/readyz, grpc.health.v1), so that load balancers send no more calls. shutdown_grace begins afterwards." need:"5s, or 0s where REST and gRPC are on loopback" sample:"5s"`
	// TrustedProxies are the addresses whose X-Forwarded-For counts.
	TrustedProxies []string `yaml:"trusted_proxies" doc:"Addresses and networks (CIDR) of proxies that terminate HTTP, such as an ingress. For a call from one of them, log and audit trail show the last address in X-Forwarded-For, from the right, that is not in this list. On other connections the header is ignored." sample:"[10.0.0.0/16]"`
	// ProxyProtocol are the addresses whose connections begin with a PROXY
	// protocol header.
	ProxyProtocol []string `yaml:"proxy_protocol" doc:"Addresses and networks (CIDR) of load balancers whose connections to REST and gRPC begin with a PROXY protocol header, version 1 or 2. Log and audit trail show the address in the header. A connection from such an address without the header is closed. From other addresses, the header is not a valid request." sample:"[10.0.1.0/24]"`
	// MaxConnections is the number of connections of authenticated callers over
	// REST and gRPC together.
	MaxConnections int `yaml:"max_connections" doc:"Maximum number of connections of authenticated callers over REST and gRPC together, from 16 to 100000. One caller may have half of them. There may be a fourth as many connections without an authenticated caller, and a sixteenth from one address. Above a limit, the connection that was idle for the longest time is closed." sample:"2000"`
	// TLS configures TLS of the three listeners.
	TLS TLS `yaml:"tls" doc:"TLS 1.2 or later on all three listeners. Without it connections are in plain text, and every listener must be on loopback."`
}

// setDefaults sets loopback addresses: listening on other interfaces is the
// operator's decision.
func (l *Listen) setDefaults() {
	l.REST = "127.0.0.1:8080"
	l.GRPC = "127.0.0.1:9090"
	l.Admin = "127.0.0.1:9091"
	l.ShutdownGrace = 20 * time.Second
	l.MaxConnections = 2000
	l.TLS.setDefaults()
}

// complete sets the default of drain_delay, which depends on the addresses: on
// loopback there is no load balancer that has to notice the stop.
func (l *Listen) complete(k section) {
	if k.field("drain_delay").isSet() {
		return
	}
	for _, address := range []string{l.REST, l.GRPC} {
		if host, _, err := net.SplitHostPort(address); err == nil && !isLoopback(host) {
			l.DrainDelay = defaultDrainDelay
		}
	}
}

// Proxies returns the networks of a list of addresses and networks. Invalid
// entries were refused before.
func Proxies(list []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range list {
		if p, ok := network(text); ok {
			all = append(all, p)
		}
	}
	return all
}

// network parses an address or a network.
func network(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}

func validateNetworks(list []string, k section) {
	for i, text := range list {
		switch p, ok := network(text); {
		case !ok:
			k.item(i).fail("must be an IP address or a network, such as 10.0.0.7 or 10.0.0.0/16")
		case p.Bits() == 0:
			k.item(i).fail("must not be every address, since then anybody could choose the address in log and audit trail")
		}
	}
}

func (l *Listen) validate(k section) {
	if l.ShutdownGrace < 0 || l.ShutdownGrace > maxShutdownGrace {
		k.field("shutdown_grace").fail("must be from 0s to 1h")
	}
	if l.DrainDelay < 0 || l.DrainDelay > maxDrainDelay {
		k.field("drain_delay").fail("must be from 0s to 5m")
	}
	validateNetworks(l.TrustedProxies, k.field("trusted_proxies"))
	validateNetworks(l.ProxyProtocol, k.field("proxy_protocol"))
	k.field("max_connections").within(l.MaxConnections, 16, 100_000)
	l.TLS.validate(k.field("tls"))
	listeners := []listener{{k.field("rest"), l.REST}, {k.field("grpc"), l.GRPC}, {k.field("admin"), l.Admin}}
	for i, this := range listeners {
		rule := addressRule(this.address, k.dev)
		if rule == "" {
			rule = this.clash(listeners[:i])
		}
		if rule == "" && !l.TLS.intended() {
			rule = plaintextRule(this.address)
		}
		if rule != "" {
			this.at.fail(rule)
		}
	}
}

// listener is an address and its key.
type listener struct {
	at      section
	address string
}

// clash returns the rule that a listener violates because another listener has the same address, or "".
func (l listener) clash(others []listener) string {
	for _, other := range others {
		if sameAddress(l.address, other.address) {
			return "must differ from " + other.at.key + " in its port"
		}
	}
	return ""
}

var hostLetters = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

func isHostName(host string) bool { return textFormat{hostLetters, 253}.matches(host) }

// addressRule returns the rule that a listen address violates, or "".
func addressRule(address string, dev bool) string {
	const rule = "must be host:port with a port from 0 to 65535, such as 127.0.0.1:8080 or [::1]:8080"
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return rule
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return rule
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !isHostName(host) {
		return rule
	}
	if dev && !isLoopback(host) {
		return "must be on loopback in dev mode, such as 127.0.0.1:" + port + ", since anyone knows the API key of dev mode"
	}
	return ""
}

// isLoopback reports whether the host can be reached from this machine only.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// sameAddress reports whether two addresses cannot be listened on at the same
// time.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return false
	}
	numberA, _ := strconv.ParseUint(portA, 10, 16) // a bad port was refused before
	numberB, _ := strconv.ParseUint(portB, 10, 16)
	if numberA != numberB || numberA == 0 {
		return false
	}
	return hostA == hostB || everyInterface(hostA) || everyInterface(hostB) ||
		isLocal4(hostA) && isLocal4(hostB)
}

// everyInterface reports whether the host is the wildcard address.
func everyInterface(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// isLocal4 reports whether the host is localhost or 127.0.0.1.
func isLocal4(host string) bool { return host == "localhost" || host == "127.0.0.1" }
