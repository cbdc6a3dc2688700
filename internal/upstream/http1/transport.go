// Package http1 is an HTTP/1.1 client that writes the request and reads the response on the calling
// goroutine. net/http uses two extra goroutines per connection, which costs two handovers per
// request.
//
// A request is retried on a second connection only if the kernel accepted no byte on the first. The
// package does not handle redirects, cookies or compression.
//
// The package does not know the meaning of a request.
package http1

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Transport is an http.RoundTripper for few hosts. It supports the httptrace hooks GetConn, GotConn
// and GotFirstResponseByte. Its fields must not change after the first use.
type Transport struct {
	// Dial opens a connection. GotConn receives the connections that Dial returned, or a *tls.Conn
	// on top of one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLSClientConfig is used for TLS hosts. Nil means the default.
	TLSClientConfig *tls.Config
	// TLSHandshakeTimeout limits a handshake. ResponseHeaderTimeout limits the time from the
	// request to the headers of the response.
	TLSHandshakeTimeout, ResponseHeaderTimeout time.Duration
	// MaxIdle is the maximum number of idle connections per host, and IdleTimeout their maximum
	// idle time.
	MaxIdle     int
	IdleTimeout time.Duration
	// MaxHeaderBytes limits the headers of a response.
	MaxHeaderBytes int64
	// Proxied sends the requests for which Proxy returns a proxy. Nil means no proxy.
	Proxied http.RoundTripper
	Proxy   func(*http.Request) (*url.URL, error)

	// rooms holds rooms for the bytes of requests.
	rooms sync.Pool

	mu    sync.Mutex
	hosts map[hostKey]*host
	// closing reports that connections are not kept until the next request.
	closing bool
}

// hostKey identifies a host.
type hostKey struct{ scheme, host string }

// host is the state of a Transport for a host.
type host struct {
	hostKey

	address, name string
	// proxied reports that requests go through a proxy.
	proxied bool
	// idle holds the idle connections, the most recently used last.
	idle  []*conn
	sweep *time.Timer
}

// RoundTrip sends a request and returns the response after the headers. The caller must read the
// body to its end or close it.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	h, err := t.host(r)
	if err != nil {
		return nil, err
	}
	if h.proxied {
		return t.Proxied.RoundTrip(r)
	}
	room := t.room()
	out, err := compose(*room, r)
	if err != nil {
		return nil, err
	}
	if len(out) <= inline {
		// A longer request may still be written when RoundTrip returns.
		defer t.reuse(room, out)
	}
	trace := httptrace.ContextClientTrace(r.Context())
	if trace == nil {
		trace = &httptrace.ClientTrace{}
	}
	for {
		c, kept, err := t.take(r.Context(), h, trace)
		if err != nil {
			return nil, err
		}
		answer, err := c.exchange(r, out, trace)
		// An ended request fails on each kept connection.
		if err == nil || !kept || !nothingLeft(err) || r.Context().Err() != nil {
			return answer, err
		}
	}
}

// room returns an empty room for the bytes of a request.
func (t *Transport) room() *[]byte {
	if room, ok := t.rooms.Get().(*[]byte); ok {
		return room
	}
	return new([]byte)
}

// reuse keeps a room after a request was written. It removes the request, which may hold a secret value.
func (t *Transport) reuse(room *[]byte, out []byte) {
	clear(out)
	*room = out[:0]
	t.rooms.Put(room)
}

// host returns the host of a request.
func (t *Transport) host(r *http.Request) (*host, error) {
	key := hostKey{r.URL.Scheme, r.URL.Host}
	t.mu.Lock()
	h := t.hosts[key]
	t.closing = false
	t.mu.Unlock()
	if h != nil {
		return h, nil
	}
	h = &host{hostKey: key, address: addressOf(r.URL), name: r.URL.Hostname()}
	if t.Proxy != nil && t.Proxied != nil {
		proxy, err := t.Proxy(r)
		if err != nil {
			return nil, err
		}
		h.proxied = proxy != nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.hosts[key]; first != nil {
		return first, nil
	}
	if t.hosts == nil {
		t.hosts = map[hostKey]*host{}
	}
	t.hosts[key] = h
	return h, nil
}

func addressOf(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// take returns a usable idle connection or a new connection.
func (t *Transport) take(ctx context.Context, h *host, trace *httptrace.ClientTrace) (c *conn, kept bool, err error) {
	if trace.GetConn != nil {
		trace.GetConn(h.address)
	}
	for c = t.pop(h); c != nil && !c.usable(); c = t.pop(h) {
		c.close()
	}
	if kept = c != nil; !kept {
		if c, err = t.connect(ctx, h); err != nil {
			return nil, false, err
		}
	}
	if trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: c.net, Reused: kept})
	}
	return c, kept, nil
}

func (t *Transport) pop(h *host) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(h.idle) - 1
	if last < 0 {
		return nil
	}
	c := h.idle[last]
	h.idle[last] = nil
	h.idle = h.idle[:last]
	return c
}

// keep returns a connection to the pool, or closes it.
func (t *Transport) keep(c *conn) {
	t.mu.Lock()
	h := c.host
	if t.closing || len(h.idle) >= t.MaxIdle {
		t.mu.Unlock()
		c.close()
		return
	}
	defer t.mu.Unlock()
	c.since = time.Now()
	h.idle = append(h.idle, c)
	if h.sweep == nil {
		h.sweep = time.AfterFunc(t.IdleTimeout, func() { t.drop(h) })
	}
}

// drop closes the connections that were idle for IdleTimeout.
func (t *Transport) drop(h *host) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	h.idle = slices.DeleteFunc(h.idle, func(c *conn) bool {
		old := now.Sub(c.since) >= t.IdleTimeout
		if old {
			c.close()
		}
		return old
	})
	h.sweep = nil
	if len(h.idle) > 0 {
		h.sweep = time.AfterFunc(t.IdleTimeout-now.Sub(h.idle[0].since), func() { t.drop(h) })
	}
}

// CloseIdleConnections closes the idle connections at once, and used connections after their
// response.
func (t *Transport) CloseIdleConnections() {
	if p, ok := t.Proxied.(interface{ CloseIdleConnections() }); ok {
		p.CloseIdleConnections()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closing = true
	for _, h := range t.hosts {
		for _, c := range h.idle {
			c.close()
		}
		h.idle = nil
		if h.sweep != nil {
			h.sweep.Stop()
			h.sweep = nil
		}
	}
}
