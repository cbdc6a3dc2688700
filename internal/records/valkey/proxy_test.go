package valkey_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// verdict is what a proxy does with a script on its way to the server.
type verdict int

const (
	pass verdict = iota
	// cutBefore ends the connection before the server sees the script.
	cutBefore
	// cutAfter lets the server run it and then ends the connection, so that the
	// answer is lost.
	cutAfter
	// hold keeps it, and lets the server have it when the proxy is released.
	hold
)

// proxy stands between a store and its server and breaks scripts.
type proxy struct {
	listener net.Listener
	server   string
	// judge decides on each script.
	judge    func() verdict
	released chan struct{}
	once     sync.Once
	// late is closed when the server has answered what was held.
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

// letGo lets the server have what was held.
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

// link is one connection through the proxy.
type link struct {
	*proxy
	near, far net.Conn
	losing    atomic.Bool
	held      atomic.Bool
}

func (l *link) requests() {
	// A connection that held something stays open to the server until the
	// answer came.
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

// request handles what came from the store and tells whether to go on.
func (l *link) request(chunk []byte) bool {
	if bytes.Contains(chunk, []byte("EVAL")) {
		switch l.judge() {
		case cutBefore:
			l.cuts.Add(1)
			_ = l.near.Close()
			return false
		case cutAfter:
			l.cuts.Add(1)
			l.losing.Store(true)
		case hold:
			l.cuts.Add(1)
			l.held.Store(true)
			<-l.released
		}
	}
	_, err := l.far.Write(chunk)
	return err == nil
}

func (l *link) answers() {
	defer func() { _ = l.near.Close(); _ = l.far.Close() }()
	chunk := make([]byte, 1<<20)
	for {
		n, err := l.far.Read(chunk)
		if err != nil || l.losing.Load() {
			return
		}
		if l.held.Load() {
			close(l.late)
			return
		}
		if _, err := l.near.Write(chunk[:n]); err != nil {
			return
		}
	}
}
