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

	"platform.internal/storekeeper/internal/deadline"
)

const (
	// piece is the size of a write in bytes.
	piece = 16 << 10
	// inline is the maximum size of a request that is written before the response is read. A longer
	// request is written concurrently, because the server may respond before it has read the
	// request, and then stop reading.
	inline = 64 << 10
	// mostEarly is the maximum number of 1xx responses before the final response.
	mostEarly = 5
)

var (
	errHeaders = errors.New("the headers of the answer are too long")
	errEarly   = errors.New("the answer is one that was not asked for")
)

// past returns a deadline that has passed, which ends all pending I/O.
func past() time.Time { return time.Unix(1, 0) }

// conn is a connection. One goroutine uses it at a time.
type conn struct {
	transport *Transport
	host      *host
	net       net.Conn
	// silent reports whether the server has neither closed the connection nor sent data. It is nil
	// if the kernel connection is not available.
	silent func() bool
	// expire ends all pending I/O.
	expire func()
	reader *bufio.Reader
	// left is the number of bytes that may still be read, or -1 for no limit.
	left int64
	// since is the time of the last use.
	since time.Time
}

// connect opens a connection.
func (t *Transport) connect(ctx context.Context, h *host) (*conn, error) {
	made, err := t.Dial(ctx, "tcp", h.address)
	if err != nil {
		return nil, err
	}
	c := &conn{transport: t, host: h, net: made}
	if k, ok := made.(syscall.Conn); ok {
		if raw, err := k.SyscallConn(); err == nil {
			c.silent = silence(raw)
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
	c.expire = func() { _ = c.net.SetDeadline(past()) }
	return c, nil
}

func (c *conn) close() { _ = c.net.Close() }

// Read reads from the connection, up to the limit for headers.
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

// usable reports whether a kept connection can be reused: the server has neither closed the
// connection nor sent data.
func (c *conn) usable() bool {
	return time.Since(c.since) < c.transport.IdleTimeout && c.reader.Buffered() == 0 && (c.silent == nil || c.silent())
}

// exchange writes a request and reads the headers of the response.
func (c *conn) exchange(r *http.Request, out []byte, trace *httptrace.ClientTrace) (*http.Response, error) {
	ctx := r.Context()
	end, bounded := ctx.Deadline()
	headers := time.Now().Add(c.transport.ResponseHeaderTimeout)
	shorter := !bounded || headers.Before(end)
	_ = c.net.SetDeadline(end)
	if shorter {
		_ = c.net.SetReadDeadline(headers)
	}
	// After the deadlines are set, because a cancellation overrides them.
	stop := deadline.AfterCancel(ctx, c.expire)
	b := &responseBody{conn: c, stop: stop}
	if err := b.send(out); err != nil {
		b.end(false)
		return nil, err
	}
	answer, err := c.receive(r, trace, &b.usual)
	if err != nil {
		b.end(false)
		return nil, b.orUnwritten(err)
	}
	if shorter {
		_ = c.net.SetReadDeadline(end)
		if ctx.Err() != nil {
			c.expire()
		}
	}
	b.ReadCloser, b.last = answer.Body, answer.Close
	answer.Body = b
	return answer, nil
}

// receive reads the headers of a response and skips 1xx responses. room is for a response in the usual form.
func (c *conn) receive(r *http.Request, trace *httptrace.ClientTrace, room *usualAnswer) (*http.Response, error) {
	c.left = c.transport.MaxHeaderBytes
	if _, err := c.reader.Peek(1); err != nil {
		return nil, err
	}
	if trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	for range mostEarly {
		answer, err := readResponse(c.reader, r, room)
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
