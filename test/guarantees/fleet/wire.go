package fleet

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Wire is the network between one replica and one server. It can cut and refuse
// connections, and delay or drop data.
type Wire struct {
	t       testing.TB
	address string

	mu       sync.Mutex
	listener net.Listener
	target   string
	open     map[net.Conn]bool
	// hole is closed when swallowed data is forwarded. Nil: no data is swallowed.
	hole chan struct{}
	// loss is the part of the answers with which their connection ends.
	loss float64
	shut bool
	all  sync.WaitGroup
}

// StartWire runs the network to the server at target, host:port, for the length of
// the test.
func StartWire(t testing.TB, target string) *Wire {
	t.Helper()
	w := &Wire{t: t, target: target, open: map[net.Conn]bool{}}
	if err := w.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	return w
}

// Address is the host:port by which the replica reaches the server.
func (w *Wire) Address() string { return w.address }

// Lead has new connections go to another server.
func (w *Wire) Lead(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
}

// Cut ends all connections.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close()
	}
}

// Refuse ends all connections and refuses new ones, until Heal.
func (w *Wire) Refuse() {
	w.mu.Lock()
	_ = w.listener.Close()
	w.mu.Unlock()
	w.Cut()
}

// Swallow holds all data until Heal, which then forwards the data.
func (w *Wire) Swallow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hole == nil {
		w.hole = make(chan struct{})
	}
}

// Lose ends connections in place of a part of the answers, until Heal.
func (w *Wire) Lose(part float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loss = part
}

// Heal makes the network whole.
func (w *Wire) Heal() {
	w.mu.Lock()
	w.loss = 0
	w.fill()
	w.mu.Unlock()
	// After Refuse the port is free, unless another process has taken it.
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := w.listen(w.address)
		if err == nil {
			return
		}
		if time.Since(begun) > startTime {
			w.t.Errorf("the network cannot be healed: %v", err)
			return
		}
	}
}

func (w *Wire) fill() {
	if w.hole != nil {
		close(w.hole)
		w.hole = nil
	}
}

// listen opens the listener, unless it is open.
func (w *Wire) listen(address string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		// Only a listener that was closed gives this error again.
		if err := w.listener.(*net.TCPListener).SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	w.listener, w.address = listener, listener.Addr().String()
	w.all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			w.all.Go(func() { w.carry(client) })
		}
	})
	return nil
}

// carry copies one connection until one side closes it.
func (w *Wire) carry(client net.Conn) {
	defer func() { _ = client.Close() }()
	w.mu.Lock()
	target := w.target
	w.mu.Unlock()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", target)
	if err != nil || !w.keep(client, server) {
		return
	}
	defer w.forget(client, server)
	var back sync.WaitGroup
	back.Go(func() { w.copy(client, server, true) })
	w.copy(server, client, false)
	back.Wait()
}

// copy forwards the data of one side, and closes both sides at the end of one.
func (w *Wire) copy(to, from net.Conn, answers bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && (!w.passes(answers) || writeAll(to, buffer[:n]) != nil) {
			return
		}
		if err != nil {
			return
		}
	}
}

func writeAll(to io.Writer, text []byte) error {
	_, err := to.Write(text)
	return err
}

// passes waits while all is swallowed, and says whether the connection goes on.
func (w *Wire) passes(answer bool) bool {
	w.mu.Lock()
	hole, loss := w.hole, w.loss
	w.mu.Unlock()
	if hole != nil {
		<-hole
	}
	return !answer || loss == 0 || rand.Float64() >= loss
}

func (w *Wire) keep(both ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range both {
		if w.shut {
			_ = c.Close()
			continue
		}
		w.open[c] = true
	}
	return !w.shut
}

func (w *Wire) forget(both ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range both {
		delete(w.open, c)
	}
}

func (w *Wire) end() {
	w.mu.Lock()
	w.shut = true
	_ = w.listener.Close()
	w.fill()
	w.mu.Unlock()
	w.Cut()
	w.all.Wait()
}
