package client

import (
	"context"
	"net"
	"sync"
)

// unmet is the largest number of connections of a client that wait for their
// first answer. Storekeeper allows 125 connections of one address without a call
// and closes others; on a busy machine more would open before the first call.
const unmet = 64

// dialer makes connections, so many at a time.
type dialer struct{ free chan struct{} }

func newDialer() dialer { return dialer{free: make(chan struct{}, unmet)} }

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case d.free <- struct{}{}:
	}
	var plain net.Dialer
	c, err := plain.DialContext(ctx, network, address)
	if err != nil {
		<-d.free
		return nil, err
	}
	return &conn{Conn: c, met: sync.OnceFunc(func() { <-d.free })}, nil
}

// conn reports its first answer, or that no answer will come.
type conn struct {
	net.Conn

	met func()
}

// Read reads, as that of the connection does.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.met()
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	c.met()
	return c.Conn.Close()
}
