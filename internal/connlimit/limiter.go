// Package connlimit bounds the connections of a listener: how many there are,
// how long they may be idle, and how many bytes are read from a connection
// before one of its calls is authenticated.
//
// It must not know any protocol: the servers tell a connection of its calls and
// callers.
package connlimit

import (
	"context"
	"net"
	"sync"
	"time"
)

// Config has the bounds. A field that is 0 gets the usual value.
type Config struct {
	// MaxAuthenticated is how many connections of authenticated callers there may be.
	MaxAuthenticated int
	// MaxPerCaller is how many of them one caller may have.
	MaxPerCaller int
	// MaxUnauthenticated is how many connections there may be without an authenticated
	// caller.
	MaxUnauthenticated int
	// MaxPerAddress is how many of these may come from one IP address.
	MaxPerAddress int
	// Allowance is how many bytes are read at once from a connection without an
	// authenticated caller, TLS included.
	Allowance int
	// Refill is how many bytes of the allowance come back each second, while no
	// stream of the connection is open.
	Refill int
	// FirstCall is how long a connection may be there before its first call.
	FirstCall time.Duration
	// Idle is how long a connection without an authenticated caller may send nothing.
	Idle time.Duration
	// OnNoCall hears of each connection that sent bytes and ended without a
	// call. Nil: nobody hears.
	OnNoCall func(peer string, bytes int64)
}

// The usual bounds. The allowance holds headers of 64 KiB, a TLS handshake and
// the framing.
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

// Limiter counts the connections of all listeners that share it.
type Limiter struct {
	config Config

	mu sync.Mutex
	// unauthenticated and known hold the connections without and with an authenticated
	// caller, by address and by caller.
	unauthenticated, authenticated group
}

// New returns a Limiter without connections.
func New(c Config) *Limiter {
	c = c.complete()
	return &Limiter{
		config:          c,
		unauthenticated: newGroup(c.MaxUnauthenticated, c.MaxPerAddress),
		authenticated:   newGroup(c.MaxAuthenticated, c.MaxPerCaller),
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

// Listener returns a listener whose connections are counted. A connection above
// a bound is accepted and another one closed: the one that has sent nothing for
// the longest time, of the address or caller with the most connections.
func (l *Limiter) Listener(on net.Listener) net.Listener { return &listener{Listener: on, limiter: l} }

type listener struct {
	net.Listener

	limiter *Limiter
}

// Accept waits for a connection and counts it.
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := newConn(raw, l.limiter)
	l.limiter.enter(&l.limiter.unauthenticated, c, addressOf(rawAddress(raw)))
	return c, nil
}

// enter puts a connection into a group, which may close another one.
func (l *Limiter) enter(into *group, c *Conn, owner string) {
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

// leave takes a connection out of its group. The caller holds the lock.
func (*Limiter) leave(c *Conn) {
	if c.group != nil {
		c.group.remove(c)
		c.group = nil
	}
}

// Counts tells how many connections there are without and with an authenticated
// caller.
func (l *Limiter) Counts() (unknown, known int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.unauthenticated.all), len(l.authenticated.all)
}

// rawAddress is the address of the other end of the TCP connection, whatever
// address a PROXY protocol header gives.
func rawAddress(c net.Conn) net.Addr {
	if behind, ok := c.(interface{ Raw() net.Conn }); ok {
		return behind.Raw().RemoteAddr()
	}
	return c.RemoteAddr()
}

// addressOf is the IP address without the port.
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
