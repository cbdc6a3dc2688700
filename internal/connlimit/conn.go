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

// Conn is a connection that its Limiter counts.
type Conn struct {
	net.Conn

	limiter *Limiter
	addr    *Addr
	began   time.Time

	// group, owner and ended belong to the limiter and are under its lock.
	group *group
	owner string
	ended bool

	// lastRead is when bytes came last, in nanoseconds since the Unix epoch.
	lastRead      atomic.Int64
	bytes         atomic.Int64
	called        atomic.Bool
	authenticated atomic.Bool
	streams       atomic.Int32

	bucket  tokenBucket
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

// Read reads what has come. Until a caller is authenticated it reads no more
// than the allowance, and waits where that is spent.
func (c *Conn) Read(p []byte) (int, error) {
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

// resolveOwner counts the connection for the address that the PROXY protocol
// gives, which is known once bytes were read.
func (c *Conn) resolveOwner() {
	if _, behind := c.Conn.(interface{ Raw() net.Conn }); behind {
		c.limiter.enter(&c.limiter.unauthenticated, c, addressOf(c.Conn.RemoteAddr()))
	}
}

// allow waits until bytes may be read, and says how many. It fails when the
// deadline for reading is over or the connection closed.
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

// SetReadDeadline bounds reads that wait, those for the allowance included.
func (c *Conn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	c.bucket.setDeadline(t)
	return err
}

// SetDeadline bounds reads and writes.
func (c *Conn) SetDeadline(t time.Time) error {
	err := c.Conn.SetDeadline(t)
	c.bucket.setDeadline(t)
	return err
}

// Close ends the connection.
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

// RemoteAddr is the address of the client. It leads back to the connection.
func (c *Conn) RemoteAddr() net.Addr { return c.addr }

// LocalAddr is the address of this end. It leads back to the connection.
func (c *Conn) LocalAddr() net.Addr { return &localAddr{Addr: c.Conn.LocalAddr(), conn: c} }

// MarkCalled notes that the connection carries a call.
func (c *Conn) MarkCalled() { c.called.Store(true) }

// MarkAuthenticated notes that a call of the connection was authenticated. From then on the
// connection counts for the caller, and bytes are read without an allowance.
func (c *Conn) MarkAuthenticated(caller string) {
	if c.authenticated.Swap(true) {
		return
	}
	c.called.Store(true)
	c.bucket.wakeReader()
	c.limiter.enter(&c.limiter.authenticated, c, caller)
}

// BeginStream notes that a stream begins that needs no authenticated caller, and
// returns its end. It refuses more than most at once.
func (c *Conn) BeginStream(most int) (end func(), ok bool) {
	if int(c.streams.Add(1)) > most {
		c.streams.Add(-1)
		return nil, false
	}
	return sync.OnceFunc(func() {
		// What accrued while the stream held bytes does not count.
		if c.streams.Add(-1) == 0 {
			c.bucket.restart(time.Now())
		}
	}), true
}

// expired says whether a connection without an authenticated caller has waited
// too long.
func (c *Conn) expired(now time.Time) bool {
	if !c.called.Load() {
		return now.Sub(c.began) > c.limiter.config.FirstCall
	}
	return now.Sub(time.Unix(0, c.lastRead.Load())) > c.limiter.config.Idle
}

// Addr is the address of a client with its connection behind it. Servers hand
// addresses through to where a call is authenticated, and not connections.
type Addr struct{ conn *Conn }

var _ net.Addr = (*Addr)(nil)

// Network returns the kind of network.
func (*Addr) Network() string { return "tcp" }

// String returns the address.
func (a *Addr) String() string { return a.conn.Conn.RemoteAddr().String() }

// Conn returns the connection.
func (a *Addr) Conn() *Conn { return a.conn }

// FromConn gives the counted connection below c, or nil.
func FromConn(c net.Conn) *Conn {
	for {
		switch this := c.(type) {
		case *Conn:
			return this
		case interface{ NetConn() net.Conn }:
			c = this.NetConn()
		default:
			return nil
		}
	}
}

// FromRequest gives the counted connection that the context of an HTTP request
// belongs to, or nil. net/http puts the local address of the connection there.
func FromRequest(ctx context.Context) *Conn {
	if a, ok := ctx.Value(http.LocalAddrContextKey).(*localAddr); ok {
		return a.conn
	}
	return nil
}

// localAddr is the address of this end of a connection, with the connection
// behind it.
type localAddr struct {
	net.Addr

	conn *Conn
}
