package connlimit

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection that a Limiter counts.
type Conn struct {
	net.Conn

	limiter *Limiter
	addr    *Addr
	began   time.Time

	// group, owner and ended belong to the limiter and are guarded by its
	// mutex.
	group *connGroup
	owner string
	ended bool

	// lastRead is the time of the last read, in nanoseconds since the Unix epoch.
	lastRead      atomic.Int64
	bytes         atomic.Int64
	called        atomic.Bool
	authenticated atomic.Bool
	streams       atomic.Int32

	bucket  tokenBucket
	hold    heldWrite
	resolve sync.Once
	closing sync.Once
	closed  chan struct{}
}

func newConn(raw net.Conn, l *Limiter) *Conn {
	c := &Conn{Conn: raw, limiter: l, began: time.Now(), closed: make(chan struct{})}
	c.addr = &Addr{conn: c}
	c.lastRead.Store(c.began.UnixNano())
	c.bucket = newTokenBucket(l.config.Allowance, l.config.Refill, c.began)
	return c
}

// Read reads available bytes. Until a caller is authenticated, Read waits for the token bucket and reads at
// most as many bytes.
func (c *Conn) Read(p []byte) (int, error) {
	c.flush()
	if !c.authenticated.Load() && len(p) > 0 {
		most, err := c.allow(len(p))
		if err != nil {
			return 0, err
		}
		p = p[:most]
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.lastRead.Store(time.Now().UnixNano())
		c.bytes.Add(int64(n))
		if !c.authenticated.Load() {
			c.bucket.spend(n)
			c.resolve.Do(c.resolveOwner)
		}
	}
	return n, err
}

// resolveOwner counts the connection for the address in the PROXY protocol
// header, which is known after the first read.
func (c *Conn) resolveOwner() {
	if _, behind := c.Conn.(interface{ Raw() net.Conn }); behind {
		c.limiter.enter(&c.limiter.unauthenticated, c, addressOf(c.Conn.RemoteAddr()))
	}
}

// allow waits until bytes may be read and returns their number. It fails if the read deadline has passed or
// the connection is closed.
func (c *Conn) allow(want int) (int, error) {
	for {
		n, wait := c.bucket.available(time.Now(), c.streams.Load() == 0)
		if c.authenticated.Load() {
			return want, nil
		}
		if n > 0 {
			return min(n, want), nil
		}
		if over, left := c.bucket.overdue(time.Now()); over {
			return 0, os.ErrDeadlineExceeded
		} else if left > 0 {
			wait = min(wait, left)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.bucket.wake:
		case <-c.closed:
			timer.Stop()
			return 0, net.ErrClosed
		}
		timer.Stop()
	}
}

// SetReadDeadline sets the deadline of reads, including reads that wait for the
// token bucket. No read of an authenticated caller does.
func (c *Conn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	if !c.authenticated.Load() {
		c.bucket.setDeadline(t)
	}
	return err
}

// SetDeadline bounds reads and writes.
func (c *Conn) SetDeadline(t time.Time) error {
	err := c.Conn.SetDeadline(t)
	c.bucket.setDeadline(t)
	return err
}

// Close closes the connection.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() {
		close(c.closed)
		c.limiter.mu.Lock()
		c.ended = true
		c.limiter.leave(c)
		c.limiter.mu.Unlock()
		if n := c.bytes.Load(); n > 0 && !c.called.Load() {
			c.limiter.config.OnNoCall(c.addr.String(), n)
		}
	})
	return err
}

// RemoteAddr returns the address of the client as an *Addr.
func (c *Conn) RemoteAddr() net.Addr { return c.addr }

// LocalAddr returns the local address. The Conn can be found from that address.
func (c *Conn) LocalAddr() net.Addr { return &localAddr{Addr: c.Conn.LocalAddr(), conn: c} }

// MarkCalled notes that the connection carries a call.
func (c *Conn) MarkCalled() { c.called.Store(true) }

// MarkAuthenticated notes that a call of the connection was authenticated. From
// then on the connection counts for the caller, and reads are not limited.
func (c *Conn) MarkAuthenticated(caller string) {
	if c.authenticated.Swap(true) {
		return
	}
	c.called.Store(true)
	c.bucket.wakeReader()
	c.limiter.enter(&c.limiter.authenticated, c, caller)
}

// BeginStream notes the start of a stream without authentication, and returns a function that ends the
// stream. It returns false if there would be more than most streams.
func (c *Conn) BeginStream(most int) (end func(), ok bool) {
	if int(c.streams.Add(1)) > most {
		c.streams.Add(-1)
		return nil, false
	}
	return sync.OnceFunc(func() {
		// Time during the stream does not refill the bucket.
		if c.streams.Add(-1) == 0 {
			c.bucket.restart(time.Now())
		}
	}), true
}

// expired reports whether a connection without an authenticated caller has been
// idle for too long.
func (c *Conn) expired(now time.Time) bool {
	if !c.called.Load() {
		return now.Sub(c.began) > c.limiter.config.FirstCall
	}
	return now.Sub(time.Unix(0, c.lastRead.Load())) > c.limiter.config.Idle
}

// Addr is the address of a client with its connection. Servers pass addresses, not connections, to the code
// that authenticates a call.
type Addr struct{ conn *Conn }

var _ net.Addr = (*Addr)(nil)

// Network returns the network of the address.
func (*Addr) Network() string { return "tcp" }

// String returns the address.
func (a *Addr) String() string { return a.conn.Conn.RemoteAddr().String() }

// Conn returns the connection.
func (a *Addr) Conn() *Conn { return a.conn }

// FromRequest returns the counted connection of an HTTP request's context, or
// nil. net/http puts the local address of the connection into that context.
func FromRequest(ctx context.Context) *Conn {
	if a, ok := ctx.Value(http.LocalAddrContextKey).(*localAddr); ok {
		return a.conn
	}
	return nil
}

// localAddr is the local address of a connection, with the connection.
type localAddr struct {
	net.Addr

	conn *Conn
}
