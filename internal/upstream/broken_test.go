package upstream_test

import (
	"context"
	"io"
	"net/http"
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
			var w *witness
			f := asFault(t, longEnough(t, 50*time.Millisecond, func(d time.Duration) (bool, error) {
				ctx, cancel := context.WithCancel(within(t))
				handler := tt.handler
				if tt.cancel {
					handler = func(w http.ResponseWriter, r *http.Request) {
						cancel()
						tt.handler(w, r)
					}
				} else {
					ctx, cancel = context.WithTimeout(ctx, d)
				}
				defer cancel()
				var client *upstream.Client
				client, w = serve(t, handler)
				err := tt.call(ctx, client)
				return len(w.seen()) > 0, err
			}))
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
