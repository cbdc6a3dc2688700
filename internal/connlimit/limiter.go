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
	// MaxKnown is how many connections of authenticated callers there may be.
	MaxKnown int
	// MaxPerCaller is how many of them one caller may have.
	MaxPerCaller int
	// MaxUnknown is how many connections there may be without an authenticated
	// caller.
	MaxUnknown int
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
	// OnUncalled hears of each connection that sent bytes and ended without a
	// call. Nil: nobody hears.
	OnUncalled func(peer string, bytes int64)
}

// The usual bounds. The allowance holds headers of 64 KiB, a TLS handshake and
// the framing.
const (
	usualKnown     = 2000
	usualAllowance = 80 << 10
	usualRefill    = 8 << 10
	usualFirstCall = 30 * time.Second
	usualIdle      = 2 * time.Minute
	sweepEvery     = time.Second
)

func (c Config) complete() Config {
	whole := func(value *int, usual int) {
		if *value <= 0 {
			*value = max(usual, 1)
		}
	}
	whole(&c.MaxKnown, usualKnown)
	whole(&c.MaxPerCaller, c.MaxKnown/2)
	whole(&c.MaxUnknown, c.MaxKnown/4)
	whole(&c.MaxPerAddress, c.MaxUnknown/4)
	whole(&c.Allowance, usualAllowance)
	whole(&c.Refill, usualRefill)
	if c.FirstCall <= 0 {
		c.FirstCall = usualFirstCall
	}
	if c.Idle <= 0 {
		c.Idle = usualIdle
	}
	if c.OnUncalled == nil {
		c.OnUncalled = func(string, int64) {}
	}
	return c
}

// Limiter counts the connections of all listeners that share it.
type Limiter struct {
	config Config

	mu sync.Mutex
	// unknown and known hold the connections without and with an authenticated
	// caller, by address and by caller.
	unknown, known group
}

// New returns a Limiter without connections.
func New(c Config) *Limiter {
	c = c.complete()
	return &Limiter{
		config:  c,
		unknown: newGroup(c.MaxUnknown, c.MaxPerAddress),
		known:   newGroup(c.MaxKnown, c.MaxPerCaller),
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
	for c := range l.unknown.all {
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
	l.limiter.enter(&l.limiter.unknown, c, addressOf(rawAddress(raw)))
	return c, nil
}

// enter puts a connection into a group, which may close another one.
func (l *Limiter) enter(into *group, c *Conn, owner string) {
	l.mu.Lock()
	l.leave(c)
	var victim *Conn
	if !c.ended {
		c.in, c.owner = into, owner
		victim = into.add(c)
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
}

// leave takes a connection out of its group. The caller holds the lock.
func (*Limiter) leave(c *Conn) {
	if c.in != nil {
		c.in.remove(c)
		c.in = nil
	}
}

// Counts tells how many connections there are without and with an authenticated
// caller.
func (l *Limiter) Counts() (unknown, known int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.unknown.all), len(l.known.all)
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
