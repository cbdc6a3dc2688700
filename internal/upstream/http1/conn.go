package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"syscall"
	"time"
)

const (
	// piece is how many bytes are written at once.
	piece = 16 << 10
	// inline is up to how many bytes a request is written before its answer is
	// read. A longer one is written meanwhile, since the other end may answer before
	// it has read it, and read no more.
	inline = 64 << 10
	// mostEarly is how many answers of the class 1xx may come before the answer.
	mostEarly = 5
)

var (
	errHeaders = errors.New("the headers of the answer are too long")
	errEarly   = errors.New("the answer is one that was not asked for")
)

// past is a deadline that ends what a connection waits for.
func past() time.Time { return time.Unix(1, 0) }

// conn is a connection. One goroutine uses it at a time.
type conn struct {
	transport *Transport
	host      *host
	net       net.Conn
	// raw is the connection of the kernel, nil where there is none to look at.
	raw    syscall.RawConn
	reader *bufio.Reader
	// left is how many bytes may be read yet, -1 for any number.
	left int64
	// since is when it was last used.
	since time.Time
}

// connect makes a connection.
func (t *Transport) connect(ctx context.Context, h *host) (*conn, error) {
	made, err := t.Dial(ctx, "tcp", h.address)
	if err != nil {
		return nil, err
	}
	c := &conn{transport: t, host: h, net: made}
	if k, ok := made.(syscall.Conn); ok {
		if c.raw, err = k.SyscallConn(); err != nil {
			c.raw = nil
		}
	}
	if h.scheme == "https" {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if t.TLSClientConfig != nil {
			config = t.TLSClientConfig.Clone()
		}
		if config.ServerName == "" {
			config.ServerName = h.name
		}
		config.NextProtos = []string{"http/1.1"}
		secured := tls.Client(made, config)
		bounded, cancel := context.WithTimeout(ctx, t.TLSHandshakeTimeout)
		defer cancel()
		if err := secured.HandshakeContext(bounded); err != nil {
			_ = made.Close()
			return nil, err
		}
		c.net = secured
	}
	c.reader = bufio.NewReader(c)
	return c, nil
}

func (c *conn) close() { _ = c.net.Close() }

// Read reads from the connection as far as headers may go.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errHeaders
	}
	if c.left > 0 && int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.net.Read(p)
	if c.left > 0 {
		c.left -= int64(n)
	}
	return n, err
}

// usable reports whether a connection that was kept can be used: the other end has
// neither closed it nor sent anything.
func (c *conn) usable() bool {
	return time.Since(c.since) < c.transport.IdleTimeout && c.reader.Buffered() == 0 && (c.raw == nil || silent(c.raw))
}

// exchange writes a request and reads the headers of its answer.
func (c *conn) exchange(r *http.Request, out []byte, trace *httptrace.ClientTrace) (*http.Response, error) {
	ctx := r.Context()
	deadline, bounded := ctx.Deadline()
	headers := time.Now().Add(c.transport.ResponseHeaderTimeout)
	shorter := !bounded || headers.Before(deadline)
	_ = c.net.SetDeadline(deadline)
	if shorter {
		_ = c.net.SetReadDeadline(headers)
	}
	// Behind the deadlines, so that they do not undo what it does.
	stop := context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(past()) })
	b := &body{conn: c, stop: stop}
	if err := b.send(out); err != nil {
		b.end(false)
		return nil, err
	}
	answer, err := c.receive(r, trace)
	if err != nil {
		b.end(false)
		return nil, b.orUnwritten(err)
	}
	if shorter {
		_ = c.net.SetReadDeadline(deadline)
		if ctx.Err() != nil {
			_ = c.net.SetDeadline(past())
		}
	}
	b.ReadCloser, b.last = answer.Body, answer.Close
	answer.Body = b
	return answer, nil
}

// receive reads the headers of an answer, and passes over those of the class 1xx.
func (c *conn) receive(r *http.Request, trace *httptrace.ClientTrace) (*http.Response, error) {
	c.left = c.transport.MaxHeaderBytes
	if _, err := c.reader.Peek(1); err != nil {
		return nil, err
	}
	if trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	for range mostEarly {
		answer, err := http.ReadResponse(c.reader, r)
		switch {
		case err != nil:
			return nil, err
		case answer.StatusCode == http.StatusSwitchingProtocols:
			return nil, errEarly
		case answer.StatusCode >= http.StatusOK:
			c.left = -1
			return answer, nil
		}
	}
	return nil, errEarly
}
