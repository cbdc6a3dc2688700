package connlimit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/connlimit"
)

// pipe is one end of a connection from an address.
type pipe struct {
	net.Conn

	from string
}

func (p pipe) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", p.from)
	if err != nil {
		panic(err)
	}
	return a
}

// waiting is a listener with connections that wait.
type waiting chan net.Conn

func (w waiting) Accept() (net.Conn, error) { return <-w, nil }
func (waiting) Close() error                { return nil }
func (waiting) Addr() net.Addr              { return &net.TCPAddr{} }

// door accepts connections from any address.
type door struct {
	t  *testing.T
	in waiting
	on net.Listener
	*connlimit.Limiter
}

func newDoor(t *testing.T, c connlimit.Config) *door {
	d := &door{t: t, in: make(waiting, 1), Limiter: connlimit.New(c)}
	d.on = d.Listener(d.in)
	return d
}

// dial gives both ends of a new connection.
func (d *door) dial(from string) (client net.Conn, server *connlimit.Conn) {
	d.t.Helper()
	client, other := net.Pipe()
	d.t.Cleanup(func() { _ = client.Close() })
	d.in <- pipe{other, from}
	accepted, err := d.on.Accept()
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = accepted.Close() })
	counted, ok := accepted.(*connlimit.Conn)
	if !ok {
		d.t.Fatalf("the connection is a %T", accepted)
	}
	return client, counted
}

// open says whether a connection was not closed.
func open(client net.Conn) bool {
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	_, err := client.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

func TestOneAddressCannotTakeThePlacesOfOthers(t *testing.T) {
	d := newDoor(t, connlimit.Config{MaxUnauthenticated: 10, MaxPerAddress: 8})
	polite, _ := d.dial("10.0.0.1:1")
	var flood []net.Conn
	for i := range 50 {
		client, _ := d.dial(fmt.Sprintf("10.0.0.2:%d", i))
		flood = append(flood, client)
	}
	if !open(polite) {
		t.Error("the connection of the other address was closed")
	}
	if unknown, _ := d.Counts(); unknown != 9 {
		t.Errorf("%d connections are left, want 1 and 8", unknown)
	}
	if open(flood[0]) || !open(flood[49]) {
		t.Error("the oldest connections of the address do not go first")
	}
}

func TestManyAddressesCannotLockOutACallerThatComes(t *testing.T) {
	d := newDoor(t, connlimit.Config{MaxUnauthenticated: 10, MaxPerAddress: 2, MaxAuthenticated: 10, MaxPerCaller: 5})
	polite, server := d.dial("10.1.0.1:1")
	server.MarkAuthenticated("polite")
	for i := range 200 {
		_, _ = d.dial(fmt.Sprintf("10.0.%d.%d:1", i/100, i%100))
		if i%50 == 0 {
			late, known := d.dial("10.1.0.2:1")
			known.MarkAuthenticated("late")
			if !open(late) {
				t.Fatal("a caller is locked out")
			}
		}
	}
	if !open(polite) {
		t.Error("the connection of a caller was closed")
	}
	if unknown, known := d.Counts(); unknown != 10 || known != 5 {
		t.Errorf("%d and %d connections", unknown, known)
	}
}

func TestOneCallerCannotTakeThePlacesOfOthers(t *testing.T) {
	d := newDoor(t, connlimit.Config{MaxAuthenticated: 10, MaxPerCaller: 5})
	polite, server := d.dial("10.0.0.1:1")
	server.MarkAuthenticated("polite")
	for i := range 50 {
		_, server := d.dial(fmt.Sprintf("10.0.0.2:%d", i))
		server.MarkAuthenticated("greedy")
	}
	if _, known := d.Counts(); known != 6 || !open(polite) {
		t.Errorf("%d connections of callers", known)
	}
}

// send writes until the other end takes no more.
func send(client net.Conn, n int) {
	go func() { _, _ = client.Write(make([]byte, n)) }()
}

func TestNoMoreThanTheAllowanceIsReadBeforeACallerIsKnown(t *testing.T) {
	d := newDoor(t, connlimit.Config{Allowance: 1000, Refill: 1})
	client, server := d.dial("10.0.0.1:1")
	send(client, 5000)
	if n, err := io.ReadFull(server, make([]byte, 700)); err != nil {
		t.Fatal(n, err)
	}
	_ = server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := io.ReadFull(server, make([]byte, 4300))
	if n > 300 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d more bytes were read: %v", n, err)
	}
	_ = server.SetReadDeadline(time.Time{})
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(server, make([]byte, 4300-n))
		done <- err
	}()
	server.MarkAuthenticated("caller")
	if err := <-done; err != nil {
		t.Errorf("after the caller is known: %v", err)
	}
}

func TestAReadThatWaitsForTheAllowanceEndsWithTheConnectionAndItsDeadline(t *testing.T) {
	d := newDoor(t, connlimit.Config{Allowance: 10, Refill: 1})
	for name, end := range map[string]func(*connlimit.Conn) error{
		"closed":   func(c *connlimit.Conn) error { return c.Close() },
		"deadline": func(c *connlimit.Conn) error { return c.SetReadDeadline(time.Now().Add(-time.Second)) },
	} {
		client, server := d.dial("10.0.0.1:1")
		send(client, 100)
		_, _ = io.ReadFull(server, make([]byte, 10))
		ended := make(chan error, 1)
		go func() {
			_, err := server.Read(make([]byte, 10))
			ended <- err
		}()
		if err := errors.Join(end(server)); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: the read goes on", name)
		}
	}
}

func TestTheAllowanceComesBackWhileNoStreamIsOpen(t *testing.T) {
	d := newDoor(t, connlimit.Config{Allowance: 1000, Refill: 1 << 30})
	client, server := d.dial("10.0.0.1:1")
	send(client, 10_000)
	if _, err := io.ReadFull(server, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	end, ok := server.BeginStream(1)
	if _, second := server.BeginStream(1); !ok || second {
		t.Error("not one stream is let in")
	}
	_ = server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := io.ReadFull(server, make([]byte, 2000)); n > 1000 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes were read while a stream holds bytes: %v", n, err)
	}
	_ = server.SetReadDeadline(time.Time{})
	end()
	if _, err := io.ReadFull(server, make([]byte, 3000)); err != nil {
		t.Errorf("after the stream: %v", err)
	}
}

func TestConnectionsThatDoNothingAreClosed(t *testing.T) {
	d := newDoor(t, connlimit.Config{FirstCall: time.Millisecond, Idle: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	known, server := d.dial("10.0.0.1:1")
	server.MarkAuthenticated("caller")
	_, uncalled := d.dial("10.0.0.1:2")
	_, idle := d.dial("10.0.0.1:3")
	idle.MarkCalled()
	go d.Run(ctx)
	for _, c := range []*connlimit.Conn{uncalled, idle} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("it is not closed")
		}
	}
	if !open(known) {
		t.Error("the connection of a caller is closed")
	}
}

func TestConnectionsThatEndWithoutACallAreTold(t *testing.T) {
	told := make(chan string, 10)
	d := newDoor(t, connlimit.Config{OnNoCall: func(peer string, n int64) { told <- fmt.Sprint(peer, " ", n) }})
	for i, called := range []bool{false, true} {
		client, server := d.dial(fmt.Sprintf("10.0.0.1:%d", i+1))
		send(client, 7)
		_, _ = io.ReadFull(server, make([]byte, 7))
		if called {
			server.MarkCalled()
		}
		_ = server.Close()
	}
	_, silent := d.dial("10.0.0.1:3")
	_ = silent.Close()
	if got := <-told; got != "10.0.0.1:1 7" || len(told) != 0 {
		t.Errorf("told %s and %d more", got, len(told))
	}
}
