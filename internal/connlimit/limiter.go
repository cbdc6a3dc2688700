// Package connlimit limits the connections of a listener: their number, their idle time, and the number of
// bytes read from a connection before its first authenticated call.
//
// The package must not know any protocol: the servers report calls and callers of a connection.
package connlimit

import (
	"context"
	"net"
	"sync"
	"time"
)

// Config holds the limits. 0 means the default.
type Config struct {
	// MaxAuthenticated is the number of connections of authenticated callers.
	MaxAuthenticated int
	// MaxPerCaller is the maximum number of connections of a caller.
	MaxPerCaller int
	// MaxUnauthenticated is the number of connections without an authenticated
	// caller.
	MaxUnauthenticated int
	// MaxPerAddress is the maximum number of these connections from an IP address.
	MaxPerAddress int
	// Allowance is the size of the token bucket of a connection without an
	// authenticated caller, in bytes, TLS included.
	Allowance int
	// Refill is the number of bytes per second added to the token bucket while no stream of the connection is
	// open.
	Refill int
	// FirstCall is the maximum age of a connection before its first call.
	FirstCall time.Duration
	// Idle is the maximum time without data on a connection without an authenticated caller.
	Idle time.Duration
	// OnNoCall is called for each connection that sent bytes and ended without a call. It may be nil.
	OnNoCall func(peer string, bytes int64)
}

// The defaults. The allowance has room for headers of 64 KiB, a TLS handshake
// and the framing.
const (
	defaultAuthenticated = 2000
	defaultAllowance     = 80 << 10
	defaultRefill        = 8 << 10
	defaultFirstCall     = 30 * time.Second
	defaultIdle          = 2 * time.Minute
	sweepEvery           = time.Second
)

func (c Config) complete() Config {
	whole := func(value *int, usual int) {
		if *value <= 0 {
			*value = max(usual, 1)
		}
	}
	whole(&c.MaxAuthenticated, defaultAuthenticated)
	whole(&c.MaxPerCaller, c.MaxAuthenticated/2)
	whole(&c.MaxUnauthenticated, c.MaxAuthenticated/4)
	whole(&c.MaxPerAddress, c.MaxUnauthenticated/4)
	whole(&c.Allowance, defaultAllowance)
	whole(&c.Refill, defaultRefill)
	if c.FirstCall <= 0 {
		c.FirstCall = defaultFirstCall
	}
	if c.Idle <= 0 {
		c.Idle = defaultIdle
	}
	if c.OnNoCall == nil {
		c.OnNoCall = func(string, int64) {}
	}
	return c
}

// Limiter limits the connections of all listeners that share it.
type Limiter struct {
	config Config

	mu sync.Mutex
	// unauthenticated and authenticated hold the connections without and with
	// an authenticated caller, by address and by caller.
	unauthenticated, authenticated connGroup

	// held holds buffers of writes that were held, *[]byte.
	held sync.Pool
}

// New returns a Limiter.
func New(c Config) *Limiter {
	c = c.complete()
	return &Limiter{
		config:          c,
		unauthenticated: newConnGroup(c.MaxUnauthenticated, c.MaxPerAddress),
		authenticated:   newConnGroup(c.MaxAuthenticated, c.MaxPerCaller),
	}
}

// Run closes connections that are idle for too long, until ctx ends.
func (l *Limiter) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.sweep(now)
		}
	}
}

func (l *Limiter) sweep(now time.Time) {
	l.mu.Lock()
	var over []*Conn
	for c := range l.unauthenticated.all {
		if c.expired(now) {
			over = append(over, c)
		}
	}
	l.mu.Unlock()
	for _, c := range over {
		_ = c.Close()
	}
}

// Listener returns a listener with counted connections. If a limit is exceeded, a new connection is accepted
// and another connection is closed: the longest idle connection of the address or caller with the most
// connections.
func (l *Limiter) Listener(on net.Listener) net.Listener { return &listener{Listener: on, limiter: l} }

type listener struct {
	net.Listener

	limiter *Limiter
}

// Accept accepts and counts a connection.
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := newConn(raw, l.limiter)
	l.limiter.enter(&l.limiter.unauthenticated, c, addressOf(rawAddress(raw)))
	return c, nil
}

// enter moves a connection into a group. It may close another connection.
func (l *Limiter) enter(into *connGroup, c *Conn, owner string) {
	l.mu.Lock()
	l.leave(c)
	var victim *Conn
	if !c.ended {
		c.group, c.owner = into, owner
		victim = into.add(c)
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
}

// leave removes a connection from its group. The caller holds the mutex.
func (*Limiter) leave(c *Conn) {
	if c.group != nil {
		c.group.remove(c)
		c.group = nil
	}
}

// Counts returns the number of connections without and with an authenticated
// caller.
func (l *Limiter) Counts() (unknown, known int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.unauthenticated.all), len(l.authenticated.all)
}

// rawAddress returns the peer address of the TCP connection, without regard to a PROXY protocol header.
func rawAddress(c net.Conn) net.Addr {
	if behind, ok := c.(interface{ Raw() net.Conn }); ok {
		return behind.Raw().RemoteAddr()
	}
	return c.RemoteAddr()
}

// addressOf returns the IP address without the port.
func addressOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
