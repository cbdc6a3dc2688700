// Package http1 is an HTTP/1.1 client that writes a request and reads its answer on
// the goroutine that asks. net/http's client has two goroutines for each
// connection, between which it hands over each request and each answer.
//
// A request is written to a second connection only where the kernel took no byte
// of it on the first. Redirects, cookies and compression are not its job.
//
// It must not know what a request means.
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

// Transport is an http.RoundTripper for few hosts. It tells the hooks GetConn,
// GotConn and GotFirstResponseByte of package httptrace. Its fields must not change
// once it is in use.
type Transport struct {
	// Dial makes a connection. The connections that GotConn is told of are those
	// that it made, or a *tls.Conn on one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLSClientConfig is for hosts that are reached over TLS. Nil: the default.
	TLSClientConfig *tls.Config
	// TLSHandshakeTimeout bounds a handshake, and ResponseHeaderTimeout the time
	// from the request to the headers of its answer.
	TLSHandshakeTimeout, ResponseHeaderTimeout time.Duration
	// MaxIdle is how many connections of a host are kept while nobody uses them,
	// and IdleTimeout for how long.
	MaxIdle     int
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds the headers of an answer.
	MaxHeaderBytes int64
	// Proxied sends the requests for which Proxy names a proxy. Nil: there is no
	// proxy.
	Proxied http.RoundTripper
	Proxy   func(*http.Request) (*url.URL, error)

	mu    sync.Mutex
	hosts map[hostKey]*host
	// closing says that no connection is kept until the next request.
	closing bool
}

// hostKey names a host.
type hostKey struct{ scheme, host string }

// host is what a Transport has of a host.
type host struct {
	hostKey

	address, name string
	// proxied says that requests go by a proxy.
	proxied bool
	// idle are the connections that nobody uses, the one used last at the end.
	idle  []*conn
	sweep *time.Timer
}

// RoundTrip sends a request and returns its answer once its headers are there. The
// body must be read to its end, or closed.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	h, err := t.host(r)
	if err != nil {
		return nil, err
	}
	if h.proxied {
		return t.Proxied.RoundTrip(r)
	}
	out, err := compose(r)
	if err != nil {
		return nil, err
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
		if err == nil || !kept || !nothingLeft(err) {
			return answer, err
		}
	}
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

// take returns a connection: one that was kept and that the other end has not
// closed, or a new one.
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

// keep keeps a connection whose answer was read, or closes it.
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

// drop closes the connections that nobody used for IdleTimeout.
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

// CloseIdleConnections closes the connections that nobody uses, and those in use
// once their answer is read.
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
