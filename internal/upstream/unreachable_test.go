package upstream_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// Without a connection, no byte of a change was sent, so the outcome is known.
func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	_ = listener.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	strange := httptest.NewUnstartedServer(http.NotFoundHandler())
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	defer strange.Close()
	for name, tt := range map[string]struct{ base, cause string }{
		"nobody listens":                {closed, "connection refused"},
		"the server speaks no TLS":      {strings.Replace(plain.URL, "http:", "https:", 1), "transport error"},
		"the certificate is not for us": {strange.URL, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, configFor(tt.base))
			for _, call := range []func(context.Context, *upstream.Client) error{read, create, remove} {
				f := asFault(t, call(within(t), client))
				if f.Kind != fault.Unavailable || f.Reason != "UPSTREAM_UNREACHABLE" || f.RetryAfter <= 0 {
					t.Errorf("fault = %+v", f)
				}
				if !strings.Contains(f.Error(), tt.cause) {
					t.Errorf("cause = %v, want %q in it", f.Unwrap(), tt.cause)
				}
			}
		})
	}
}

// failing is a transport that fails without information about the progress.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestFailingTransport(t *testing.T) {
	tests := map[string]struct {
		err          error
		change, read string
		cause        string
	}{
		"one that tells nothing may have sent all": {x509.UnknownAuthorityError{}, fault.ReasonUpstreamAnswerLost, "UPSTREAM_UNREACHABLE", "x509.UnknownAuthorityError"},
		"one that could not dial has sent nothing": {&net.OpError{Op: "dial", Err: io.EOF}, "UPSTREAM_UNREACHABLE", "UPSTREAM_UNREACHABLE", "EOF"},
		"one that quotes what it read":             {&net.OpError{Op: "read", Err: errors.New("got " + token)}, fault.ReasonUpstreamAnswerLost, "UPSTREAM_UNREACHABLE", "transport error"},
		"one that broke off":                       {fmt.Errorf("wrapped %s: %w", token, io.ErrUnexpectedEOF), fault.ReasonUpstreamAnswerLost, "UPSTREAM_UNREACHABLE", "unexpected EOF"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := configFor("https://example.test")
			config.Transport = failing{tt.err}
			client := newClient(t, config)
			for reason, err := range map[string]error{"change " + tt.change: create(within(t), client), "read " + tt.read: read(within(t), client)} {
				f := asFault(t, err)
				if !strings.HasSuffix(reason, f.Reason) || !strings.Contains(f.Error(), tt.cause) || strings.Contains(f.Error(), token) {
					t.Errorf("%s, got %v", reason, f)
				}
			}
			if err := read(within(t), client); errors.Is(tt.err, io.ErrUnexpectedEOF) != errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cause of %v is not kept", err)
			}
		})
	}
}

// lagging is a context whose deadline has passed without notice.
type lagging struct{ context.Context }

func (lagging) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

func TestConnectionMayNoticeTheDeadlineFirst(t *testing.T) {
	config := configFor("https://example.test")
	config.Transport = failing{os.ErrDeadlineExceeded}
	if f := asFault(t, read(lagging{within(t)}, newClient(t, config))); f.Kind != fault.Deadline {
		t.Errorf("fault = %v", f)
	}
}

// A server that is silent for long is not asked twice.
func TestSilenceIsNotTriedAgain(t *testing.T) {
	var w *witness
	f := asFault(t, longEnough(t, 20*time.Millisecond, func(d time.Duration) (bool, error) {
		var client *upstream.Client
		client, w = serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(c *upstream.Config) {
			transport := upstream.NewTransport()
			transport.ResponseHeaderTimeout = d
			c.Transport = transport
		})
		err := read(within(t), client)
		return len(w.seen()) > 0, err
	}))
	if f.Reason != "UPSTREAM_UNREACHABLE" || !strings.Contains(f.Error(), "timeout") {
		t.Errorf("fault = %v", f)
	}
	if n := len(w.seen()); n != 1 {
		t.Errorf("server saw %d requests, want 1", n)
	}
}

// The connection is kept after every sort of answer that is read whole.
func TestConnectionIsReused(t *testing.T) {
	answers := []http.HandlerFunc{
		says(http.StatusOK, success(storeJSON)),
		says(http.StatusNotFound, failure(`{"code":1001,"message":"store_not_found"}`)),
		says(http.StatusBadGateway, strings.Repeat("<p>sorry</p>", 1000)),
		says(http.StatusOK, "no JSON"),
		says(http.StatusTooManyRequests, ""),
	}
	ports := map[string]bool{}
	calls := 0
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ports[r.RemoteAddr] = true
		answers[calls%len(answers)](w, r)
		calls++
	})
	for range 3 * len(answers) {
		_ = read(within(t), client)
	}
	if len(ports) != 1 {
		t.Errorf("%d calls took %d connections, want 1", calls, len(ports))
	}
}
