package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// answer is the answer to a caller.
type answer struct {
	status int
	body   []byte
}

// patience is how long Cloudflare may take.
const patience = 30 * time.Second

// client is an HTTP/1.1 client for one host, on the calling goroutine. It is
// safe for concurrent use.
type client struct {
	host, head string

	mu   sync.Mutex
	idle []*conn
}

// conn is a connection that is kept alive.
type conn struct {
	net.Conn

	in  *bufio.Reader
	out []byte
}

func newClient(host, token string) *client {
	return &client{host: host, head: " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + token +
		"\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: "}
}

// send makes a call. A failure is returned as an answer too.
func (c *client) send(method, path string, body []byte) answer {
	over, err := c.take()
	if err != nil {
		return answer{status: http.StatusBadGateway}
	}
	a, keep, err := over.exchange(method, path, c.head, body)
	if err != nil || !keep {
		_ = over.Close()
	} else {
		c.mu.Lock()
		c.idle = append(c.idle, over)
		c.mu.Unlock()
	}
	if err != nil {
		return answer{status: http.StatusBadGateway}
	}
	return a
}

// take returns an idle or a new connection.
func (c *client) take() (*conn, error) {
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		over := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		return over, nil
	}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var plain net.Dialer
	raw, err := plain.DialContext(ctx, "tcp", c.host)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, in: bufio.NewReader(raw)}, nil
}

// exchange writes a request and reads the answer. keep says that the connection
// can be used again.
func (c *conn) exchange(method, path, head string, body []byte) (a answer, keep bool, err error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return a, false, err
	}
	b := append(c.out[:0], method...)
	b = append(append(b, ' '), path...)
	b = strconv.AppendInt(append(b, head...), int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	c.out = b
	if _, err := c.Write(b); err != nil {
		return a, false, err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return a, false, err
	}
	a.status = r.StatusCode
	a.body, err = io.ReadAll(r.Body)
	return a, !r.Close, err
}
