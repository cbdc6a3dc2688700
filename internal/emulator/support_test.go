package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/emulator"
)

const (
	accountID = emulator.DefaultAccountID
	// noSuchID has the form of an identifier and belongs to nothing.
	noSuchID = "00000000000040008000000000000000"
	token    = "test-token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that stands still until the test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// api is an emulator behind a real listener.
type api struct {
	t      *testing.T
	e      *emulator.Emulator
	clock  *clock
	url    string
	header http.Header
}

// start serves an emulator with a clock that stands still.
func start(t *testing.T, c emulator.Config) *api {
	t.Helper()
	still := newClock()
	c.Clock = still.Now
	e := emulator.New(c)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return &api{
		t: t, e: e, clock: still, url: server.URL,
		header: http.Header{"Authorization": {"Bearer " + token}},
	}
}

// reply is a complete answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// try sends a request; the error is that of the connection or of the body. A
// path that does not begin with a slash is below the secrets store of the
// account.
func (a *api) try(method, path, body string) (reply, error) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+expand(path), strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header = a.header.Clone()
	// Each request has a separate connection, so that the transport never retries on a cut connection.
	r.Close = true
	answer, err := (&http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	read, err := io.ReadAll(answer.Body)
	return reply{status: answer.StatusCode, header: answer.Header, body: string(read)}, err
}

func expand(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/client/v4/accounts/" + accountID + "/secrets_store/" + path
}

// do sends a request. Its answer must be complete and match the contract.
func (a *api) do(method, path, body string) reply {
	a.t.Helper()
	got, err := a.try(method, path, body)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	checkContract(a.t, method, expand(path), got)
	return got
}

// must is do for requests that have to succeed.
func (a *api) must(method, path, body string) reply {
	a.t.Helper()
	got := a.do(method, path, body)
	if got.status >= http.StatusMultipleChoices {
		a.t.Fatalf("%s %s: status %d, body %s", method, path, got.status, got.body)
	}
	return got
}

// store makes a store and returns its identifier.
func (a *api) store(name string) string {
	a.t.Helper()
	return a.must("POST", "stores", `{"name":"`+name+`"}`).id(a.t)
}

// secret makes a secret with the scope workers and returns its path.
func (a *api) secret(store, name string) string {
	a.t.Helper()
	made := a.must("POST", "stores/"+store+"/secrets", `[{"name":"`+name+`","value":"v","scopes":["workers"]}]`)
	return "stores/" + store + "/secrets/" + made.id(a.t)
}

// id is that of the result, or of the first of several.
func (r reply) id(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`"id":"([0-9a-f]{32})"`).FindStringSubmatch(r.body)
	if found == nil {
		t.Fatalf("no id in %s", r.body)
	}
	return found[1]
}

var identifiers = regexp.MustCompile(`"(id|store_id)":"[0-9a-f]{32}"`)

// plain is the body without identifiers, which are random.
func (r reply) plain() string { return identifiers.ReplaceAllString(r.body, `"$1":"*"`) }

// names returns the names in a list, in order.
func (r reply) names(t *testing.T) string {
	t.Helper()
	var list struct {
		Result []struct {
			Name string `json:"name"`
		} `json:"result"`
	}
	if err := json.Unmarshal([]byte(r.body), &list); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	var names []string
	for _, item := range list.Result {
		names = append(names, item.Name)
	}
	return strings.Join(names, " ")
}

// words are the messages of the errors, in order.
func (r reply) words(t *testing.T) string {
	t.Helper()
	var failure struct {
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal([]byte(r.body), &failure); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	var words []string
	for _, item := range failure.Errors {
		words = append(words, item.Message)
	}
	return strings.Join(words, " ")
}

// eventually waits until something is so, or fails after 10 seconds.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for range 10_000 {
		if is() {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatal("it never came to be")
}

// serve asks an emulator without a connection between.
func serve(e http.Handler, method, path, token string) *httptest.ResponseRecorder {
	r := request(method, path, "")
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}
