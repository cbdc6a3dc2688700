package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"

	"platform.internal/storekeeper/internal/fault"
)

// mayLeave says why a request that changes something must not leave any more.
func (c *Client) mayLeave(ctx context.Context) *fault.Error {
	if c.leave == nil {
		return nil
	}
	if err := c.leave(ctx); err != nil {
		return fault.From(err)
	}
	return nil
}

// departure is how far a change got on its way out. The transport writes in a
// goroutine of its own.
type departure struct {
	// left says that a write was allowed, so that bytes may have left.
	left atomic.Bool
	// barred is why a write was not allowed.
	barred atomic.Pointer[fault.Error]
}

// stopped gives the fault of a change of which nothing left, since it was not
// allowed to.
func (d *departure) stopped() *fault.Error {
	if d.left.Load() {
		return nil
	}
	return d.barred.Load()
}

// guarded is a connection whose writes are allowed one by one. The check runs
// right before the bytes are handed to the kernel.
type guarded struct {
	net.Conn

	check atomic.Pointer[func() error]
}

// Write writes unless that is not allowed. Of a request that is cut here the
// other end has a part only, which it does not carry out.
func (g *guarded) Write(b []byte) (int, error) {
	if check := g.check.Load(); check != nil {
		if err := (*check)(); err != nil {
			return 0, err
		}
	}
	return g.Conn.Write(b)
}

// SyscallConn gives the connection of the kernel, so that whoever keeps the
// connection can look whether the other end has closed it.
func (g *guarded) SyscallConn() (syscall.RawConn, error) {
	if c, ok := g.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// guard sets what is asked before each write of the next request on a
// connection. Nil: nothing is.
func guard(conn net.Conn, check func() error) {
	for conn != nil {
		switch c := conn.(type) {
		case *guarded:
			if check == nil {
				c.check.Store(nil)
			} else {
				c.check.Store(&check)
			}
			return
		case *tls.Conn:
			conn = c.NetConn()
		default:
			return
		}
	}
}

// dialGuarded makes the connections of a dialer guarded ones.
func dialGuarded(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &guarded{Conn: conn}, nil
	}
}

// hooks reports the progress of a request, and guards the connection that it is
// handed.
func (c *Client) hooks(ctx context.Context, x *exchange) *httptrace.ClientTrace {
	var check func() error
	if x.changes() {
		check = func() error {
			if f := c.mayLeave(ctx); f != nil {
				x.departure.barred.Store(f)
				return f
			}
			x.departure.left.Store(true)
			return nil
		}
	}
	return &httptrace.ClientTrace{
		GetConn: func(string) { x.trace.wanted.Store(true) },
		GotConn: func(i httptrace.GotConnInfo) {
			guard(i.Conn, check)
			x.trace.connected.Store(true)
		},
		GotFirstResponseByte: func() { x.trace.answered.Store(true) },
	}
}
