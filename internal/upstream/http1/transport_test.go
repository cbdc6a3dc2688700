package http1_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/upstream/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a server whose responses are raw bytes. Connections are numbered.
type peer struct {
	url   string
	conns atomic.Int32
}

// serve starts a peer. answer gets the connection, its number and each request.
func serve(t *testing.T, answer func(conn net.Conn, n int32, r *http.Request)) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{url: "http://" + listener.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n := p.conns.Add(1)
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				for in := bufio.NewReader(conn); ; {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					answer(conn, n, r)
				}
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	return p
}

func transport(t *testing.T) *http1.Transport {
	t.Helper()
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	tr := &http1.Transport{
		Dial: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: time.Minute,
		MaxIdle: 2, IdleTimeout: time.Minute, MaxHeaderBytes: 4 << 10,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// ask sends a request and reads the whole answer.
func ask(ctx context.Context, tr http.RoundTripper, to, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/a%20b?c=d", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("X-Test", "value")
	answer, err := tr.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return fmt.Sprint(answer.StatusCode, " ", string(text)), err
}

func says(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

func whole(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestAConnectionIsUsedAgainWhereItCanBe(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		want   string
		conns  int32
	}{
		"with a length":              {whole("one"), "200 one", 1},
		"empty":                      {whole(""), "200 ", 1},
		"in chunks":                  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n", "200 one", 1},
		"after early answers":        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole("one"), "200 one", 1},
		"that closes":                {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\none", "200 one", 3},
		"of the older version":       {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none", "200 one", 3},
		"with more than was asked":   {whole("one") + whole("two"), "200 one", 3},
		"that switches protocols":    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "", 3},
		"with endless headers":       {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5<<10) + "\r\n\r\n", "", 3},
		"with endless early answers": {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9), "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, func(conn net.Conn, _ int32, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.RequestURI != "/a%20b?c=d" || r.Header.Get("X-Test") != "value" || string(body) != "body" || "http://"+r.Host != "http://"+conn.LocalAddr().String() {
					t.Errorf("got %s with %v and %q", r.RequestURI, r.Header, body)
				}
				says(conn, tc.answer)
			})
			tr := transport(t)
			for range 3 {
				got, err := ask(t.Context(), tr, p.url, "body")
				if got != tc.want || (err == nil) != (tc.want != "") {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if n := p.conns.Load(); n != tc.conns {
				t.Errorf("%d connections, want %d", n, tc.conns)
			}
		})
	}
}

// TestAKeptConnectionThatWasClosedIsNotUsed uses a server that closes connections after the
// response without announcement.
func TestAKeptConnectionThatWasClosedIsNotUsed(t *testing.T) {
	closed := make(chan struct{})
	p := serve(t, func(conn net.Conn, _ int32, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		says(conn, whole("one"))
		_ = conn.Close()
		closed <- struct{}{}
	})
	tr := transport(t)
	for n := range 5 {
		if got, err := ask(t.Context(), tr, p.url, "body"); got != "200 one" || err != nil {
			t.Errorf("request %d: %q, %v", n, got, err)
		}
		<-closed
	}
}

// TestALongRequestMayBeAnsweredEarly uses a server that responds before it has read the request,
// and then stops reading.
func TestALongRequestMayBeAnsweredEarly(t *testing.T) {
	done := make(chan struct{})
	p := serve(t, func(conn net.Conn, _ int32, _ *http.Request) {
		says(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
		<-done
		_ = conn.Close()
	})
	t.Cleanup(func() { close(done) })
	got, err := ask(t.Context(), transport(t), p.url, strings.Repeat("x", 16<<20))
	if got != "413 big" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestALongRequestArrivesWhole(t *testing.T) {
	p := serve(t, func(conn net.Conn, _ int32, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		says(conn, whole(fmt.Sprint(n)))
	})
	tr, n := transport(t), int32(10)
	for range n {
		if got, err := ask(t.Context(), tr, p.url, strings.Repeat("x", 8<<20)); got != fmt.Sprint("200 ", 8<<20) || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	// A connection is not kept if the answer was read before the goroutine that wrote the request has ended.
	if conns := p.conns.Load(); conns == n {
		t.Errorf("%d connections", conns)
	}
}

// TestARequestEndsWithItsContext cancels a request during the wait for the headers and for the
// body.
func TestARequestEndsWithItsContext(t *testing.T) {
	for _, begin := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\no"} {
		ctx, cancel := context.WithCancel(t.Context())
		p := serve(t, func(conn net.Conn, n int32, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if n > 1 {
				says(conn, whole("two"))
				return
			}
			says(conn, begin)
			cancel()
		})
		tr := transport(t)
		if got, err := ask(ctx, tr, p.url, "body"); err == nil {
			t.Errorf("got %q", got)
		}
		if got, err := ask(t.Context(), tr, p.url, "body"); got != "200 two" || err != nil {
			t.Errorf("the next got %q, %v", got, err)
		}
	}
}

// stubborn is a connection whose writes fail before a byte is accepted.
type stubborn struct {
	net.Conn

	fails *atomic.Bool
}

func (s stubborn) Write(b []byte) (int, error) {
	if s.fails.Load() {
		s.fails.Store(false)
		return 0, &net.OpError{Op: "write", Err: syscall.EPIPE}
	}
	return s.Conn.Write(b)
}

// TestARequestOfWhichNothingLeftIsSentAgain fails the first write on a kept connection, and on a
// new connection.
func TestARequestOfWhichNothingLeftIsSentAgain(t *testing.T) {
	p := serve(t, func(conn net.Conn, _ int32, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		says(conn, whole(string(body)))
	})
	tr, fails := transport(t), &atomic.Bool{}
	dial := tr.Dial
	tr.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return stubborn{conn, fails}, err
	}
	for _, kept := range []bool{false, true} {
		if kept {
			if _, err := ask(t.Context(), tr, p.url, "first"); err != nil {
				t.Fatal(err)
			}
		}
		fails.Store(true)
		if got, err := ask(t.Context(), tr, p.url, "second"); (err == nil) != kept || kept && got != "200 second" {
			t.Errorf("kept %t: %q, %v", kept, got, err)
		}
	}
}
