package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// An unauthenticated client opens as many connections as possible, and stays
// idle or never ends its requests.
func TestStrangersConnectionsLockNobodyOut(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"listen.max_connections=64"}})
	addresses := []string{strings.TrimPrefix(p.rest, "http://"), p.grpc, strings.TrimPrefix(p.admin, "http://")}
	begins := map[string]string{
		"nothing":            "",
		"half a request":     "POST /client/v4/user HTTP/1.1\r\nHost: x\r\nX-A: ",
		"half a preface":     http2.ClientPreface[:10],
		"a preface":          http2.ClientPreface,
		"half a handshake":   "\x16\x03\x01\x02\x00\x01\x00\x01",
		"a body that stalls": "POST /client/v4/user HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n[",
	}
	for name, text := range begins {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			var held []net.Conn
			for range 100 {
				for _, address := range addresses {
					conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = conn.Close() }()
					_, _ = io.WriteString(conn, text)
					held = append(held, conn)
				}
			}
			answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(withCallerKey(mustRequest(t, p.rest+"/client/v4/user")))
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Fatalf("REST over a new connection: %v %v", answer, err)
			}
			_ = answer.Body.Close()
			q := *p
			q.conn = dial(t, p.grpc)
			if got := q.call(t.Context(), "GetUser", `{}`); got.err != nil {
				t.Errorf("gRPC over a new connection: %v", got.err)
			}
			if code, _ := p.page("/livez"); code != http.StatusOK {
				t.Errorf("admin over a new connection: %d", code)
			}
			// A connection over the bound is closed behind the caller's answer.
			p.await("most connections of strangers are closed", func() bool { return stillOpen(held) <= 40 })
		})
	}
}

func withCallerKey(r *http.Request) *http.Request {
	r.Header.Set("Authorization", "Bearer "+callerKey)
	return r
}

// stillOpen counts the connections that the other end has not closed.
func stillOpen(held []net.Conn) (n int) {
	for _, conn := range held {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
			n++
		}
	}
	return n
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // the connection returns it bare
	return ok && timeout.Timeout()
}

// The bytes before authentication are limited over all streams of a connection.
func TestLittleIsReadOfAConnectionWithoutACaller(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for name, send := range map[string]func(w *wire) error{
		"a header block that never ends": func(w *wire) error {
			return w.WriteContinuation(1, false, make([]byte, 16<<10))
		},
		"settings": func(w *wire) error { return w.WriteSettings(http2.Setting{ID: 0x99, Val: 1}) },
		"pings":    func(w *wire) error { return w.WritePing(false, [8]byte{}) },
		"data on a Watch": func(w *wire) error {
			return w.WriteData(1, false, make([]byte, 16<<10))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dialWire(t, p.grpc)
			if strings.Contains(name, "header") {
				_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.block(watchMethod)})
			} else {
				_ = w.open(1, watchMethod)
				_ = w.WriteData(1, false, prefix(0))
			}
			go func() { _, _ = io.Copy(io.Discard, w.conn) }()
			// Far more than the sockets hold.
			const enough = 64 << 20
			_ = w.conn.SetWriteDeadline(time.Now().Add(3 * time.Second))
			sent := 0
			for sent < enough {
				if err := send(w); err != nil {
					return
				}
				sent += 16
				if strings.HasPrefix(name, "a") || strings.HasPrefix(name, "data") {
					sent += 16 << 10
				}
			}
			t.Errorf("%d bytes were taken", sent)
		})
	}
}

// A connection with an authenticated caller is not throttled.
func TestACallerSendsMoreThanAStrangerMay(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	value := strings.Repeat("v", 60<<10)
	fresh := *p
	fresh.conn = dial(t, p.grpc)
	if got := fresh.send(context.Background(), "CreateSecrets", batchOf(w.store, 20, value)); got.err != nil {
		t.Errorf("gRPC: %v", got.err)
	}
	p.http.CloseIdleConnections()
	got, err := p.try(context.Background(), "POST", "stores/"+w.store+"/secrets", batchJSON(20, value[:1000]))
	if err != nil || got.status != http.StatusBadRequest && got.status != http.StatusOK {
		t.Errorf("REST: %v %d", err, got.status)
	}
}

func TestAConnectionWithoutACallIsLogged(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	conn := p.dialREST()
	_, _ = io.WriteString(conn, "\x16\x03\x01garbage")
	_ = conn.Close()
	p.await("a line", func() bool { return p.out.line("a connection ended without a call") != nil })
	line := p.out.line("a connection ended without a call")
	if text(line["peer"]) == "" || line["level"] != "info" {
		t.Errorf("got %v", line)
	}
	for range 500 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.grpc)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			t.Fatal("it is not closed")
		}
		_ = conn.Close()
	}
	if n := len(p.out.lines("a connection ended without a call")); n > 300 {
		t.Errorf("500 connections left %d lines", n)
	}
}

// An unfinished request cannot hold a connection.
func TestAConnectionThatStopsInTheMiddleIsCutOff(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	rest, admin := strings.TrimPrefix(p.rest, "http://"), strings.TrimPrefix(p.admin, "http://")
	for name, test := range map[string]struct{ address, text string }{
		"half a header over REST":     {rest, "GET /client/v4/user HTTP/1.1\r\nHost: x\r\nX-A: "},
		"nothing over REST":           {rest, ""},
		"half a header to admin":      {admin, "GET /livez HTTP/1.1\r\nHost: "},
		"half a preface over gRPC":    {p.grpc, http2.ClientPreface[:10]},
		"no settings over gRPC":       {p.grpc, http2.ClientPreface},
		"nothing over gRPC":           {p.grpc, ""},
		"half a frame over gRPC":      {p.grpc, http2.ClientPreface + "\x00\x00\x06\x04\x00"},
		"a handshake without its TLS": {p.grpc, "\x16\x03\x01\x02\x00\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", test.address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, test.text)
			_ = conn.SetReadDeadline(time.Now().Add(2 * patience))
			if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
				t.Error("it is still open")
			}
		})
	}
}
