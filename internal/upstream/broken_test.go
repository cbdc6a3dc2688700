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

// raw is a handler that writes bytes to the connection and closes the connection.
func raw(bytes string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = buffered.WriteString(bytes)
		_ = buffered.Flush()
		_ = conn.Close()
	}
}

const halfAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n" + `{"result":`

const cutRefusal = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"

func TestBrokenConnections(t *testing.T) {
	tests := map[string]struct {
		call    func(context.Context, *upstream.Client) error
		handler http.HandlerFunc
		kind    fault.Kind
		reason  string
		sent    int
	}{
		"a read is cut before its answer, twice":               {read, raw(""), fault.Unavailable, "UPSTREAM_UNREACHABLE", 2},
		"a change is cut before its answer":                    {create, raw(""), fault.Unavailable, fault.ReasonUpstreamAnswerLost, 1},
		"a delete is cut before its answer":                    {remove, raw(""), fault.Unavailable, fault.ReasonUpstreamAnswerLost, 1},
		"a read is cut in its answer":                          {read, raw(halfAnswer), fault.Unavailable, "UPSTREAM_UNREACHABLE", 1},
		"a change is cut in its answer":                        {create, raw(halfAnswer), fault.Unavailable, fault.ReasonUpstreamAnswerLost, 1},
		"a read is cut in its headers":                         {read, raw("HTTP/1.1 200 OK\r\nConte"), fault.Unavailable, "UPSTREAM_UNREACHABLE", 1},
		"a page is cut":                                        {read, raw(strings.Replace(halfAnswer, `{"result":`, "<html>", 1)), fault.Unavailable, "UPSTREAM_UNREACHABLE", 1},
		"a change gets no HTTP":                                {create, raw("SSH-2.0-OpenSSH\r\n"), fault.Unavailable, fault.ReasonUpstreamAnswerLost, 1},
		"a refusal of a read is cut, and its status is enough": {read, raw(cutRefusal), fault.Upstream, "UPSTREAM_CREDENTIAL_REFUSED", 1},
		"a refusal of a change is cut":                         {create, raw(cutRefusal), fault.Upstream, fault.ReasonUpstreamAnswerLost, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, w := serve(t, tt.handler)
			f := asFault(t, tt.call(within(t), client))
			if f.Kind != tt.kind || f.Reason != tt.reason {
				t.Errorf("fault = %v (kind %d), want %d %s", f, f.Kind, tt.kind, tt.reason)
			}
			if n := len(w.seen()); n != tt.sent || len(w.attempts) != tt.sent {
				t.Errorf("server saw %d requests and %d were observed, want %d", n, len(w.attempts), tt.sent)
			}
		})
	}
}

func TestReadSurvivesOneCut(t *testing.T) {
	calls := 0
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls == 1 {
			raw("")(w, r)
			return
		}
		says(http.StatusOK, success(storeJSON))(w, r)
	})
	if err := read(within(t), client); err != nil {
		t.Error(err)
	}
}

func TestAnswerThatIsCutAfterItsEndCounts(t *testing.T) {
	client, _ := serve(t, raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"+success("["+secretJSON+"]")))
	if err := create(within(t), client); err != nil {
		t.Error(err)
	}
}

// endless is an answer without end.
type endless struct{ read int }

func (e *endless) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: e}, nil
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read += len(p); e.read > 100<<20 {
		return 0, io.EOF
	}
	return len(p), nil
}

func (e *endless) Close() error { return nil }

func TestTooLongAnswer(t *testing.T) {
	tests := map[string]struct {
		call   func(context.Context, *upstream.Client) error
		reason string
	}{
		"of a read":   {read, "UPSTREAM_ANSWER_UNREADABLE"},
		"of a change": {create, fault.ReasonUpstreamAnswerLost},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer := &endless{}
			config := configFor("http://example.test")
			config.Transport = answer
			f := asFault(t, tt.call(within(t), newClient(t, config)))
			if f.Reason != tt.reason {
				t.Errorf("fault = %v, want %s", f, tt.reason)
			}
			if answer.read > 17<<20 {
				t.Errorf("%d bytes were read", answer.read)
			}
		})
	}
}

// A slow response ends at the caller's deadline, in the headers and in the body.
func TestCallersTimeIsOver(t *testing.T) {
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	slow := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"result":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		call    func(context.Context, *upstream.Client) error
		cancel  bool
		kind    fault.Kind
		reason  string
	}{
		"a read without answer":                {silent, read, false, fault.Deadline, "DEADLINE_EXCEEDED"},
		"a read with half an answer":           {slow, read, false, fault.Deadline, "DEADLINE_EXCEEDED"},
		"a change without answer":              {silent, create, false, fault.Deadline, fault.ReasonUpstreamAnswerLost},
		"a change with half an answer":         {slow, create, false, fault.Deadline, fault.ReasonUpstreamAnswerLost},
		"a read that is no longer wanted":      {silent, read, true, fault.Canceled, "CANCELED"},
		"a change that is no longer wanted":    {slow, create, true, fault.Canceled, fault.ReasonUpstreamAnswerLost},
		"a read that is unwanted in its midst": {slow, read, true, fault.Canceled, "CANCELED"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(within(t))
			handler := tt.handler
			if tt.cancel {
				handler = func(w http.ResponseWriter, r *http.Request) {
					cancel()
					tt.handler(w, r)
				}
			} else {
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
			}
			defer cancel()
			client, w := serve(t, handler)
			f := asFault(t, tt.call(ctx, client))
			if f.Kind != tt.kind || f.Reason != tt.reason {
				t.Errorf("fault = %v (kind %d), want %d %s", f, f.Kind, tt.kind, tt.reason)
			}
			if n := len(w.seen()); n != 1 {
				t.Errorf("server saw %d requests, want 1", n)
			}
		})
	}
}

func TestTimeOverBeforeSending(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	client, w := serve(t, says(http.StatusOK, success("[]")))
	if f := asFault(t, create(canceled, client)); f.Kind != fault.Canceled || f.Reason != "CANCELED" {
		t.Errorf("canceled: %v", f)
	}
	if f := asFault(t, create(expired, client)); f.Kind != fault.Deadline || f.Reason != "DEADLINE_EXCEEDED" {
		t.Errorf("expired: %v", f)
	}
	if sent := w.seen(); len(sent) != 0 {
		t.Errorf("sent %d requests", len(sent))
	}
}

func TestOwnTimeoutHoldsWithoutDeadline(t *testing.T) {
	client, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		func(c *upstream.Config) { c.Timeout = 20 * time.Millisecond })
	if f := asFault(t, read(t.Context(), client)); f.Kind != fault.Deadline {
		t.Errorf("fault = %v", f)
	}
}

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
	client, w := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(c *upstream.Config) {
		transport := upstream.NewTransport()
		transport.ResponseHeaderTimeout = 20 * time.Millisecond
		c.Transport = transport
	})
	if f := asFault(t, read(within(t), client)); f.Reason != "UPSTREAM_UNREACHABLE" || !strings.Contains(f.Error(), "timeout") {
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
