package http1_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestIdleConnectionsAreBounded keeps two of three connections, and none for long.
func TestIdleConnectionsAreBounded(t *testing.T) {
	var waiting sync.WaitGroup
	waiting.Add(3)
	p := serve(t, func(conn net.Conn, n int32, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if n <= 3 {
			waiting.Done()
			waiting.Wait()
		}
		says(conn, whole("one"))
	})
	tr := transport(t)
	tr.IdleTimeout = 20 * time.Millisecond
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			if got, err := ask(t.Context(), tr, p.url, "body"); err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	calls.Wait()
	time.Sleep(3 * tr.IdleTimeout)
	if _, err := ask(t.Context(), tr, p.url, "body"); err != nil || p.conns.Load() != 4 {
		t.Errorf("%v, and %d connections", err, p.conns.Load())
	}
}

// TestWhatMayNotLeaveIsRefused sends requests whose encoding would differ from the intended
// request.
func TestWhatMayNotLeaveIsRefused(t *testing.T) {
	p := serve(t, func(conn net.Conn, _ int32, _ *http.Request) { says(conn, whole("")) })
	for name, change := range map[string]func(*http.Request){
		"a line in a header": func(r *http.Request) { r.Header.Set("X-Test", "a\r\nX-Other: b") },
		"a line in a name":   func(r *http.Request) { r.Header["X\r\nY"] = []string{"a"} },
		"a line in the host": func(r *http.Request) { r.Host = "a\r\nX: b" },
		"no length":          func(r *http.Request) { r.ContentLength = -1 },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		if answer, err := transport(t).RoundTrip(r); err == nil {
			_ = answer.Body.Close()
			t.Errorf("%s was sent", name)
		}
	}
	if n := p.conns.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// elsewhere is a transport that is told apart.
type elsewhere struct{}

var errElsewhere = errors.New("by the proxy")

func (elsewhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errElsewhere }

func TestARequestForAProxyGoesThere(t *testing.T) {
	p := serve(t, func(conn net.Conn, _ int32, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		says(conn, whole("near"))
	})
	tr := transport(t)
	tr.Proxied = elsewhere{}
	tr.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "far.test" {
			return url.Parse("http://proxy.test")
		}
		return nil, nil //nolint:nilnil // that is how net/http says that there is none
	}
	if _, err := ask(t.Context(), tr, "http://far.test", "body"); !errors.Is(err, errElsewhere) {
		t.Error(err)
	}
	if got, err := ask(t.Context(), tr, p.url, "body"); got != "200 near" {
		t.Errorf("got %q, %v", got, err)
	}
}
