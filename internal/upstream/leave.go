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

// departure is the send state of a change. The transport writes in another goroutine.
type departure struct {
	// check returns the reason why the change of ctx must not be sent any more, or nil. A nil check
	// permits every change.
	check func(ctx context.Context) error
	ctx   context.Context //nolint:containedctx // a departure belongs to one request
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

// leave permits the next write, or returns the reason why there is none.
func (d *departure) leave() error {
	if d.check != nil {
		if err := d.check(d.ctx); err != nil {
			f := fault.From(err)
			d.barred.Store(f)
			return f
		}
	}
	d.left.Store(true)
	return nil
}

// guarded is a connection that checks each write immediately before the bytes go to the kernel.
type guarded struct {
	net.Conn

	// change is the change in the request, or nil.
	change atomic.Pointer[departure]
}

// Write writes if the check permits. If a request is cut here, the server receives an incomplete
// request and does not execute it.
func (g *guarded) Write(b []byte) (int, error) {
	if change := g.change.Load(); change != nil {
		if err := change.leave(); err != nil {
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

// guard sets the change in the next request on a connection, which is checked at each write. Nil
// means no check.
func guard(conn net.Conn, change *departure) {
	for conn != nil {
		switch c := conn.(type) {
		case *guarded:
			c.change.Store(change)
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
	var change *departure
	if x.changes() {
		change = &x.departure
		change.check, change.ctx = c.leave, ctx
	}
	hooks := &x.trace.hooks
	*hooks = httptrace.ClientTrace{
		GetConn: func(string) { x.trace.wanted.Store(true) },
		GotConn: func(i httptrace.GotConnInfo) {
			guard(i.Conn, change)
			x.trace.connected.Store(true)
		},
	}
	if change == nil {
		// Only a read can be worth another attempt.
		hooks.GotFirstResponseByte = func() { x.trace.answered.Store(true) }
	}
	return hooks
}
