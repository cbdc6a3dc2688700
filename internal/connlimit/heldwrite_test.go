package connlimit_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/connlimit"
)

// TestAHeldWriteArrives serves answers of many lengths, each with a held write. A short answer is a single
// write and arrives with the read of the next request.
func TestAHeldWriteArrives(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connlimit.HoldWrite(r)
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	})}
	defer func() { _ = s.Close() }()
	go func() { _ = s.Serve(connlimit.New(connlimit.Config{}).Listener(l)) }()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	from := bufio.NewReader(c)
	for n := 1; n < 20_000; n += 97 {
		if _, err := io.WriteString(c, "GET /?n="+strconv.Itoa(n)+" HTTP/1.1\r\nHost: storekeeper\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		if err != nil || string(got) != strings.Repeat("x", n) {
			t.Fatalf("%d of %d bytes, %v", len(got), n, err)
		}
	}
}

// TestAHeldWriteWaitsForTheNext uses a connection whose writes wait for a reader.
func TestAHeldWriteWaitsForTheNext(t *testing.T) {
	client, server := newDoor(t, connlimit.Config{}).dial("10.0.0.1:1")
	r, err := http.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, server.LocalAddr()), http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	connlimit.HoldWrite(r)
	if n, err := server.Write([]byte("one ")); n != 4 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	type result struct {
		n   int
		err error
	}
	second := make(chan result)
	go func() {
		n, err := server.Write([]byte("two"))
		second <- result{n, err}
	}()
	got := make([]byte, 7)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "one two" {
		t.Errorf("%q, %v", got, err)
	}
	if s := <-second; s.n != 3 || s.err != nil {
		t.Errorf("%d, %v", s.n, s.err)
	}
}
