package upstream_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/filewatch"
	"platform.internal/storekeeper/internal/upstream"
)

// The kinds of credential that cloudflare knows.
const (
	usersToken    = "user token"
	accountsToken = "account token"
	globalKey     = "global key"
)

const (
	quotaJSON = `{"secrets":{"quota":100,"usage":1}}`
	email     = "ops@example.test"
)

// The sorts of call that cloudflare tells apart.
const (
	askUser    = "user verify"
	askAccount = "account verify"
	askQuota   = "quota"
	askRead    = "read"
	askCreate  = "create"
)

// sent is a call that cloudflare saw.
type sent struct{ ask, cred string }

// cloudflare is a server with a set of valid credentials. It checks the credential at the arrival
// of a call, not at the response.
type cloudflare struct {
	mu    sync.Mutex
	good  map[string]string
	calls []sent
	made  int
	// before may respond in place of the server. It is called without the lock.
	before func(w http.ResponseWriter, r *http.Request, s sent) bool
}

func (c *cloudflare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := sent{askOf(r), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("X-Auth-Key")}
	c.mu.Lock()
	c.calls = append(c.calls, s)
	before := c.before
	c.mu.Unlock()
	w.Header().Set("Cf-Ray", ray)
	if before != nil && before(w, r, s) {
		return
	}
	says(c.answer(s, r.Header.Get("X-Auth-Email")))(w, r)
}

func askOf(r *http.Request) string {
	switch {
	case r.URL.Path == "/client/v4/user/tokens/verify":
		return askUser
	case strings.HasSuffix(r.URL.Path, "/tokens/verify"):
		return askAccount
	case strings.HasSuffix(r.URL.Path, "/quota"):
		return askQuota
	case r.Method == http.MethodPost:
		return askCreate
	}
	return askRead
}

func (c *cloudflare) answer(s sent, address string) (int, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := c.good[s.cred]
	asked := map[string]string{askUser: usersToken, askAccount: accountsToken}[s.ask]
	switch {
	case asked != "" && kind != asked:
		return http.StatusUnauthorized, failure(`{"code":1000,"message":"Invalid API Token"}`)
	case kind == "", (kind == globalKey) != (address == email):
		return http.StatusUnauthorized, failure(`{"code":10000,"message":"Authentication error"}`)
	}
	if s.ask == askCreate {
		c.made++
	}
	return http.StatusOK, map[string]string{
		askUser: verified, askAccount: verified, askQuota: success(quotaJSON),
		askRead: success(storeJSON), askCreate: success("[" + secretJSON + "]"),
	}[s.ask]
}

func (c *cloudflare) allow(cred, kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good[cred] = kind
}

func (c *cloudflare) revoke(cred string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.good, cred)
}

// meet sets a function that may respond in place of the server.
func (c *cloudflare) meet(before func(w http.ResponseWriter, r *http.Request, s sent) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = before
}

// asked lists the requests with a credential.
func (c *cloudflare) asked(cred string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var asks []string
	for _, s := range c.calls {
		if s.cred == cred {
			asks = append(asks, s.ask)
		}
	}
	return asks
}

// hand is a clock that is moved by hand.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) read() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// rotation is a client with a credential in a file, and its server.
type rotation struct {
	t       *testing.T
	api     *cloudflare
	client  *upstream.Client
	clock   *hand
	files   *filewatch.Watcher
	events  chan upstream.CredentialEvent
	witness *witness
}

// rotateFrom starts with a credential that is good. More of the configuration
// may be changed.
func rotateFrom(t *testing.T, kind, file, first string, change ...func(*upstream.Config)) *rotation {
	t.Helper()
	r := &rotation{
		t: t, clock: &hand{now: time.Now()}, files: filewatch.New(filewatch.Config{Debounce: 5 * time.Millisecond}), events: make(chan upstream.CredentialEvent, 1000),
		api: &cloudflare{good: map[string]string{first: kind}}, witness: &witness{},
	}
	server := httptest.NewServer(r.api)
	t.Cleanup(server.Close)
	config := configFor(server.URL + "/client/v4")
	useFiles(upstream.CredentialFiles{APITokenFile: file})(&config.Accounts[0])
	if kind == globalKey {
		useFiles(upstream.CredentialFiles{Email: email, APIKeyFile: file})(&config.Accounts[0])
	}
	config.Clock = r.clock.read
	config.OnCredential = func(e upstream.CredentialEvent) { r.events <- e }
	config.Observe, config.Files = r.witness.observe, r.files
	for _, f := range change {
		f(&config)
	}
	r.client = newClient(t, config)
	return r
}

// use calls once, a while after the call before, and compares the credential
// that was sent. Then the files are looked at.
func (r *rotation) use(want string) {
	r.t.Helper()
	before := len(r.reads(want))
	r.clock.move(2 * time.Second)
	if err := read(within(r.t), r.client); err != nil {
		r.t.Fatalf("a call failed: %v", err)
	}
	if len(r.reads(want)) != before+1 {
		r.t.Fatalf("the call was not sent with %q", want)
	}
	r.files.Recheck(r.t.Context())
}

func (r *rotation) reads(cred string) []string {
	return slices.DeleteFunc(r.api.asked(cred), func(ask string) bool { return ask != askRead })
}

// told waits for an event: "ok" or a part of an error.
func (r *rotation) told(want string) {
	r.t.Helper()
	ctx := within(r.t)
	select {
	case e := <-r.events:
		r.check(e, want)
	case <-ctx.Done():
		r.t.Fatalf("no event %q", want)
	}
}

func (r *rotation) check(e upstream.CredentialEvent, want string) {
	r.t.Helper()
	got := "ok"
	if e.Err != nil {
		got = e.Err.Error()
	}
	if !strings.Contains(got, want) || e.Account != accountID {
		r.t.Fatalf("event %q of account %s, want %q", got, e.Account, want)
	}
}

// quiet checks that nothing was told that told did not take.
func (r *rotation) quiet() {
	r.t.Helper()
	select {
	case e := <-r.events:
		r.t.Errorf("event %v", e)
	default:
	}
}

// costs compares the requests with a credential before the credential was used.
func (r *rotation) costs(cred string, want ...string) {
	r.t.Helper()
	got := slices.DeleteFunc(r.api.asked(cred), func(ask string) bool { return ask == askRead || ask == askCreate })
	if !slices.Equal(got, want) {
		r.t.Errorf("the trial of %q asked %q, want %q", cred, got, want)
	}
}

// eventually polls until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := within(t)
	for !holds() {
		if ctx.Err() != nil {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
