package connlimit

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// heldWrite is a write that waits for the next one, so that both take one system call and wake the client
// once.
type heldWrite struct {
	// next says that the next write is to be held.
	next atomic.Bool
	// waits says that held is not empty.
	waits atomic.Bool

	mu   sync.Mutex
	held *[]byte
}

// HoldWrite holds the next write of the connection of an HTTP/1.1 request until another write or a read.
// net/http writes the start of a longer answer, as much as its buffer holds, before the rest.
func HoldWrite(r *http.Request) {
	if c := FromRequest(r.Context()); c != nil && r.ProtoMajor == 1 {
		c.hold.next.Store(true)
	}
}

// Write writes p, behind a write that is held.
func (c *Conn) Write(p []byte) (int, error) {
	h := &c.hold
	if !h.next.Load() && !h.waits.Load() {
		return c.Conn.Write(p)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next.Swap(false) {
		if h.held, _ = c.limiter.held.Get().(*[]byte); h.held == nil {
			h.held = &[]byte{}
		}
		*h.held = append((*h.held)[:0], p...)
		h.waits.Store(true)
		return len(p), nil
	}
	return c.writeHeld(p)
}

// flush writes what is held.
func (c *Conn) flush() {
	if !c.hold.waits.Load() {
		return
	}
	c.hold.mu.Lock()
	defer c.hold.mu.Unlock()
	// A later write finds the error.
	_, _ = c.writeHeld(nil)
}

// writeHeld writes what is held, if anything is, and more. It returns how much of more was written. The
// caller holds the mutex.
func (c *Conn) writeHeld(more []byte) (int, error) {
	held := c.hold.held
	if held == nil {
		return c.Conn.Write(more)
	}
	both := net.Buffers{*held, more}
	n, err := both.WriteTo(c.Conn)
	n = max(0, n-int64(len(*held)))
	c.limiter.held.Put(held)
	c.hold.held = nil
	c.hold.waits.Store(false)
	return int(n), err
}
