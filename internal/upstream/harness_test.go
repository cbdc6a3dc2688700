package upstream_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	accountID = "023e105f4ecef8ad9ca31a8372d0c353"
	otherID   = "123e105f4ecef8ad9ca31a8372d0c353"
	storeID   = "3fd85f74b32742f1bff64a85009dda07"
	secretID  = "23bdc9c2e8ca470d82352c53ec8d2e67"

	token = "tok-7f0a91c2d4e6b8a0f1c3d5e7"
	value = "sentinel-value-4d1c"
	ray   = "8f1c2d3e4a5b6c7d-FRA"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The parallel tests wait for clocks, so that more of them than there are
	// processors can run at once.
	if err := flag.Set("test.parallel", "64"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// request is a request as seen by the server.
type request struct {
	method, target, body string
	header               http.Header
}

// witness records the requests and attempts of a test.
type witness struct {
	mu       sync.Mutex
	requests []request
	attempts []upstream.Attempt
}

func (w *witness) saw(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, request{r.Method, r.URL.RequestURI(), string(body), r.Header})
}

func (w *witness) observe(_ context.Context, a upstream.Attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts = append(w.attempts, a)
}

func (w *witness) seen() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]request(nil), w.requests...)
}

// serve starts a server and a client.
func serve(t testing.TB, handler http.HandlerFunc, change ...func(*upstream.Config)) (*upstream.Client, *witness) {
	t.Helper()
	w := &witness{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.saw(r)
		rw.Header().Set("Cf-Ray", ray)
		handler(rw, r)
	}))
	t.Cleanup(server.Close)
	config := configFor(server.URL + "/client/v4")
	config.Observe = w.observe
	for _, f := range change {
		f(&config)
	}
	return newClient(t, config), w
}

func configFor(base string) upstream.Config {
	return upstream.Config{Accounts: []upstream.Account{{
		ID: accountID, Name: "main", BaseURL: base, Token: upstream.NewToken(token),
	}}}
}

func newClient(t testing.TB, config upstream.Config) *upstream.Client {
	t.Helper()
	client, err := upstream.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

// says is a handler that always answers the same.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func failure(items string) string {
	return `{"result":null,"success":false,"errors":[` + items + `],"messages":[]}`
}

func asFault(t testing.TB, err error) *fault.Error {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("error is %T (%v), want *fault.Error", err, err)
	}
	return f
}

// within gives a context that ends long after any test has.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// longEnough repeats a call with a deadline that doubles until the call gets as far as it must before
// its deadline. A busy machine may take long to send a request.
func longEnough(t testing.TB, d time.Duration, call func(time.Duration) (far bool, err error)) error {
	t.Helper()
	for ; ; d *= 2 {
		if far, err := call(d); far || d > 10*time.Second {
			return err
		}
	}
}

// create is a change with a secret value.
func create(ctx context.Context, c *upstream.Client) error {
	_, err := c.CreateSecrets(ctx, upstream.CreateSecretsParams{
		Account: "main", StoreID: storeID,
		Secrets: []upstream.NewSecret{{Name: "MY_KEY", Value: value, Scopes: []string{"workers"}}},
	})
	return err
}

// read is a call that changes nothing.
func read(ctx context.Context, c *upstream.Client) error {
	_, err := c.GetStore(ctx, upstream.StoreParams{Account: "main", StoreID: storeID})
	return err
}

func text(s string) *string { return &s }
