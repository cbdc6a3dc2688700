package postgres

import (
	"net"
	"sync"
	"time"
)

// linger limits the time that the driver waits for the end of a closed connection to a silent
// server.
const linger = time.Second

// connections are the open connections of a store.
type connections struct {
	mu     sync.Mutex
	open   map[*connection]struct{}
	closed bool
}

// connection is a tracked connection.
type connection struct {
	net.Conn
	of *connections
}

func (o *connections) add(conn net.Conn) net.Conn {
	c := &connection{Conn: conn, of: o}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		_ = conn.Close()
		return c
	}
	if o.open == nil {
		o.open = make(map[*connection]struct{})
	}
	o.open[c] = struct{}{}
	return c
}

// close closes all connections and all connections opened later.
func (o *connections) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for c := range o.open {
		_ = c.Conn.Close()
	}
}

// Close ends the connection.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// SetDeadline sets the deadline, at most linger from now. The driver sets a future deadline only
// when it closes a connection.
func (c *connection) SetDeadline(t time.Time) error {
	if latest := time.Now().Add(linger); t.After(latest) {
		t = latest
	}
	return c.Conn.SetDeadline(t)
}
