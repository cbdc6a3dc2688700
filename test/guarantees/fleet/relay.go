package fleet

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Relay forwards TCP connections to a server. A test can hold the bytes of a
// client.
type Relay struct {
	address string
	target  string

	mu   sync.Mutex
	hold *Hold
	ends []*Hold
	open map[net.Conn]bool
	shut bool
}

// Hold is a place in the stream of a client at which the relay stops.
type Hold struct {
	// Arrived is closed when the relay has stopped.
	Arrived chan struct{}

	text     []byte
	released chan struct{}
	once     sync.Once
}

// Release lets the stream go on.
func (h *Hold) Release() { h.once.Do(func() { close(h.released) }) }

// StartRelay runs a relay to the server at target, host:port, for the length of
// the test.
func StartRelay(t testing.TB, target string) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{address: listener.Addr().String(), target: target, open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.carry(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.close()
		all.Wait()
	})
	return r
}

// Address is the host:port of the relay.
func (r *Relay) Address() string { return r.address }

// Hold stops the next client that sends text, before the text is passed on.
func (r *Relay) Hold(text string) *Hold {
	h := &Hold{Arrived: make(chan struct{}), text: []byte(text), released: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold, r.ends = h, append(r.ends, h)
	return h
}

// carry copies one connection until one side closes it.
func (r *Relay) carry(client net.Conn) {
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.target)
	if err != nil || !r.keep(client, server) {
		_ = client.Close()
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server) // The end of one side ends both.
		_ = client.Close()
	})
	r.forward(server, client)
	_ = server.Close()
	back.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, client)
	delete(r.open, server)
}

// forward copies the bytes of the client to the server.
func (r *Relay) forward(server io.Writer, client io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			r.wait(buffer[:n])
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait blocks when the text of a hold passes.
func (r *Relay) wait(sent []byte) {
	r.mu.Lock()
	h := r.hold
	if h == nil || !bytes.Contains(sent, h.text) {
		r.mu.Unlock()
		return
	}
	r.hold = nil
	r.mu.Unlock()
	close(h.Arrived)
	<-h.released
}

func (r *Relay) keep(both ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range both {
		if r.shut {
			_ = c.Close()
			continue
		}
		r.open[c] = true
	}
	return !r.shut
}

func (r *Relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = true
	for _, h := range r.ends {
		h.Release()
	}
	for c := range r.open {
		_ = c.Close()
	}
}
