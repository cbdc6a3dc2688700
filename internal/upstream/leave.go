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

// mayLeave returns a fault if a change must not be sent any more.
func (c *Client) mayLeave(ctx context.Context) *fault.Error {
	if c.leave == nil {
		return nil
	}
	if err := c.leave(ctx); err != nil {
		return fault.From(err)
	}
	return nil
}

// departure is the send state of a change. The transport writes in another goroutine.
type departure struct {
	// left reports that a write was permitted, so that bytes may have been sent.
	left atomic.Bool
	// barred is the reason why a write was not permitted.
	barred atomic.Pointer[fault.Error]
}

// stopped returns the fault of a change that was not permitted, if no byte was sent.
func (d *departure) stopped() *fault.Error {
	if d.left.Load() {
		return nil
	}
	return d.barred.Load()
}

// guarded is a connection that checks each write immediately before the bytes go to the kernel.
type guarded struct {
	net.Conn

	check atomic.Pointer[func() error]
}

// Write writes if the check permits. If a request is cut here, the server receives an incomplete
// request and does not execute it.
func (g *guarded) Write(b []byte) (int, error) {
	if check := g.check.Load(); check != nil {
		if err := (*check)(); err != nil {
			return 0, err
		}
	}
	return g.Conn.Write(b)
}

// SyscallConn returns the kernel connection, so that a connection pool can check whether the peer
// closed the connection.
func (g *guarded) SyscallConn() (syscall.RawConn, error) {
	if c, ok := g.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// guard sets the check for each write of the next request on a connection. Nil means no check.
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

// dialGuarded wraps the connections of a dialer in guarded.
func dialGuarded(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &guarded{Conn: conn}, nil
	}
}

// hooks tracks the progress of a request, and guards the connection of the request.
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
