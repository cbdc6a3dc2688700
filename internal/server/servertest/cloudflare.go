// Package servertest combines the real chain, the real services and the real client for Cloudflare
// with an emulated Cloudflare in the process, so that tests can see which requests are sent and
// when.
//
// The package is for tests only. It does not know what they expect.
package servertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// Main is the name of a served account.
	Main = "main"
	// MainID is the identifier of Main.
	MainID = "023e105f4ecef8ad9ca31a8372d0c353"
	// Other is the name of another served account.
	Other = "other"
	// OtherID is the identifier of Other.
	OtherID = "123e105f4ecef8ad9ca31a8372d0c353"
	// UnservedID is an account that exists at Cloudflare but is not served.
	UnservedID = "223e105f4ecef8ad9ca31a8372d0c353"
)

// plenty is a limit that no test reaches.
const plenty = 1_000_000

// Clock is a logical clock that orders events.
type Clock struct{ now atomic.Int64 }

// Next advances the clock and returns the new value, from 1.
func (c *Clock) Next() int64 { return c.now.Add(1) }

// Arrival is a request that reached Cloudflare.
type Arrival struct {
	// At is the value of the Clock at arrival.
	At int64
	// Method and Path are the HTTP method and the path after the base URL.
	Method, Path string
	// Body is the body.
	Body string
}

// Changes reports whether the request changes something.
func (a Arrival) Changes() bool { return a.Method != http.MethodGet }

// Cloudflare is an emulated Cloudflare with both accounts, and the real client. The emulator's
// limits are too high to be reached.
type Cloudflare struct {
	*emulator.Emulator

	// Client calls the emulator with the platform's credential.
	Client *upstream.Client

	clock *Clock
	next  http.RoundTripper
	mu    sync.Mutex
	seen  []Arrival
}

// NewCloudflare starts an empty emulator. Requests go to the emulator in the process, or through
// next if next is not nil.
func NewCloudflare(tb testing.TB, clock *Clock, next func(http.Handler) (base string, by http.RoundTripper)) *Cloudflare {
	tb.Helper()
	limits := emulator.Account{StoreLimit: plenty, SecretLimit: plenty}
	main, other, unserved := limits, limits, limits
	main.ID, other.ID, unserved.ID = MainID, OtherID, UnservedID
	c := &Cloudflare{clock: clock, Emulator: emulator.New(emulator.Config{
		Accounts: []emulator.Account{main, other, unserved}, RateLimit: &emulator.RateLimit{}, ActivateAfter: -1,
	})}
	base := "http://cloudflare.invalid"
	c.next = direct{c.Emulator}
	if next != nil {
		base, c.next = next(c.Emulator)
	}
	token := upstream.NewToken("platform-token-3f9a")
	client, err := upstream.New(upstream.Config{
		Transport: c,
		Observe: func(ctx context.Context, a upstream.Attempt) {
			telemetry.CallFrom(ctx).AddUpstream(a.Duration, a.Ray)
		},
		Accounts: []upstream.Account{
			{ID: MainID, Name: Main, BaseURL: base + "/client/v4", Token: token},
			{ID: OtherID, Name: Other, BaseURL: base + "/client/v4", Token: token},
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	c.Client = client
	return c
}

// RoundTrip records a request and forwards it.
func (c *Cloudflare) RoundTrip(r *http.Request) (*http.Response, error) {
	a := Arrival{At: c.clock.Next(), Method: r.Method, Path: strings.TrimPrefix(r.URL.RequestURI(), "/client/v4")}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		a.Body = string(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	c.mu.Lock()
	c.seen = append(c.seen, a)
	c.mu.Unlock()
	return c.next.RoundTrip(r)
}

// Seen lists the requests that arrived since the last call of Seen.
func (c *Cloudflare) Seen() []Arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = nil
	return seen
}

// Changed lists the changes that arrived since the last call of Seen.
func (c *Cloudflare) Changed() []Arrival {
	var changes []Arrival
	for _, a := range c.Seen() {
		if a.Changes() {
			changes = append(changes, a)
		}
	}
	return changes
}

// direct passes requests to a handler in the calling goroutine.
type direct struct{ handler http.Handler }

// RoundTrip ends the response where the handler aborts, as a connection would.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.GetConn(r.URL.Host)
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if r.Body == nil {
		r = r.WithContext(r.Context())
		r.Body = http.NoBody
	}
	w := &writer{header: http.Header{}}
	d.serve(w, r)
	w.WriteHeader(http.StatusOK)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	length, _ := strconv.Atoi(w.sent.Get("Content-Length"))
	if w.body.Len() == 0 && length > 0 {
		return nil, io.EOF
	}
	answer := &http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Request: r,
		ContentLength: int64(length), Body: io.NopCloser(&w.body),
	}
	if w.body.Len() < length {
		answer.Body = io.NopCloser(io.MultiReader(&w.body, torn{}))
	}
	return answer, nil
}

// serve recovers the panic with which a handler aborts a connection.
func (d direct) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if err, ok := recover().(error); ok && !errors.Is(err, http.ErrAbortHandler) {
			// A panic of the emulator becomes an invalid response.
			w.WriteHeader(http.StatusTeapot)
		}
	}()
	d.handler.ServeHTTP(w, r)
}

// torn is the end of a truncated response.
type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// writer records a response as a connection would: headers set after WriteHeader are lost.
type writer struct {
	header http.Header
	status int
	sent   http.Header
	body   bytes.Buffer
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(status int) {
	if w.sent == nil {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *writer) Write(text []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(text)
}
