package postgres_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// verdict is the action of a proxy on a commit.
type verdict int

const (
	pass verdict = iota
	// cutBefore ends the connection before the server sees the commit.
	cutBefore
	// cutAfter forwards the commit and closes the connection at once, so that the commit is running
	// while its receipt is queried.
	cutAfter
	// cutAtAnswer closes the connection when the server has responded.
	cutAtAnswer
	// hold keeps the commit until the proxy is released.
	hold
	// stall keeps the commit for a while, as a replica does that stands still.
	stall
)

// proxy is a proxy between a store and its server that breaks commits.
type proxy struct {
	listener net.Listener
	server   string
	// judge decides on each commit.
	judge    func() verdict
	released chan struct{}
	once     sync.Once
	// late is closed when the server has responded to the delayed commit, or has closed the
	// connection.
	late chan struct{}
	cuts atomic.Int64
	open sync.WaitGroup
}

func startProxy(t *testing.T, server string, judge func() verdict) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server, judge: judge, released: make(chan struct{}), late: make(chan struct{})}
	p.open.Go(p.accept)
	t.Cleanup(func() {
		p.letGo()
		_ = l.Close()
		p.open.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// letGo forwards the delayed commit to the server.
func (p *proxy) letGo() { p.once.Do(func() { close(p.released) }) }

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		var dialer net.Dialer
		far, err := dialer.DialContext(context.Background(), "tcp", p.server)
		if err != nil {
			_ = near.Close()
			continue
		}
		l := &link{proxy: p, near: near, far: far}
		p.open.Go(l.requests)
		p.open.Go(l.answers)
	}
}

// link is a connection through the proxy.
type link struct {
	*proxy
	near, far net.Conn
	// commits are the names of prepared statements that commit.
	commits [][]byte
	losing  atomic.Bool
	held    atomic.Bool
}

func (l *link) requests() {
	// A connection that held something stays open to the server until that has
	// answered.
	defer func() {
		if !l.held.Load() {
			_ = l.far.Close()
		}
	}()
	chunk := make([]byte, 1<<20)
	for {
		n, err := l.near.Read(chunk)
		if err != nil || !l.request(chunk[:n]) {
			return
		}
	}
}

// request handles data from the store and reports whether to continue.
func (l *link) request(chunk []byte) bool {
	if !l.isCommit(chunk) {
		_, err := l.far.Write(chunk)
		return err == nil
	}
	switch l.judge() {
	case cutBefore:
		l.cuts.Add(1)
		_ = l.near.Close()
		return false
	case cutAfter:
		l.cuts.Add(1)
		_, _ = l.far.Write(chunk)
		_ = l.near.Close()
		return false
	case stall:
		l.cuts.Add(1)
		<-time.After(700 * time.Millisecond)
	case cutAtAnswer:
		l.cuts.Add(1)
		l.losing.Store(true)
	case hold:
		l.cuts.Add(1)
		l.held.Store(true)
		_ = l.near.Close()
		<-l.released
	}
	_, err := l.far.Write(chunk)
	return err == nil
}

// isCommit reports whether a chunk executes a statement that inserts a receipt with a commit
// number. The statement is prepared before, in a separate chunk, under the name that later chunks
// use.
func (l *link) isCommit(chunk []byte) bool {
	const name = "stmtcache_"
	if before, _, ok := bytes.Cut(chunk, []byte("\x00with turn as ")); ok {
		l.commits = append(l.commits, bytes.Clone(before[bytes.LastIndex(before, []byte(name)):]))
		return false
	}
	return slices.ContainsFunc(l.commits, func(one []byte) bool { return bytes.Contains(chunk, one) })
}

func (l *link) answers() {
	defer func() { _ = l.near.Close(); _ = l.far.Close() }()
	chunk := make([]byte, 1<<20)
	for {
		n, err := l.far.Read(chunk)
		if l.held.Load() {
			close(l.late)
		}
		if err != nil || l.losing.Load() || l.held.Load() {
			return
		}
		if _, err := l.near.Write(chunk[:n]); err != nil {
			return
		}
	}
}
