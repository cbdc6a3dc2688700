package fleet

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

const (
	// Account is the only account.
	Account = emulator.DefaultAccountID
	// Token is the token of the replicas.
	Token = "a-token-of-the-platform"
	// OwnToken is the token of the test, so that calls of the test do not use the budget of the replicas.
	OwnToken = "a-token-of-the-test"
)

// Cloudflare is an emulated Cloudflare that counts its answers.
type Cloudflare struct {
	*emulator.Emulator

	// URL is the base URL, without a path.
	URL string

	mu      sync.Mutex
	answers map[int]int
	// catches are all there ever were.
	catches []*Catch
	watch   func(r *http.Request, status int)
	// border, if not nil, handles requests of the replicas.
	border *Border
}

// StartCloudflare runs an emulated Cloudflare for the length of the test. It
// accepts Token and OwnToken only, and limits calls only if c.RateLimit is set.
func StartCloudflare(t testing.TB, c emulator.Config) *Cloudflare {
	t.Helper()
	c.Tokens = []string{Token, OwnToken}
	if c.RateLimit == nil {
		c.RateLimit = &emulator.RateLimit{}
	}
	if c.ActivateAfter == 0 {
		c.ActivateAfter = -1
	}
	cf := &Cloudflare{Emulator: emulator.New(c), answers: map[int]int{}}
	server := httptest.NewServer(cf)
	t.Cleanup(server.Close)
	t.Cleanup(cf.letGo)
	cf.URL = server.URL
	return cf
}

// ServeHTTP counts the answer, and waits at a catch of the test.
func (c *Cloudflare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := &seenWriter{ResponseWriter: w, status: http.StatusOK}
	defer func() { c.count(r, seen.status) }()
	caught := c.caught(r)
	if border := c.borderOf(r); border != nil {
		border.serve(c, seen, r)
		return
	}
	if caught == nil {
		c.Emulator.ServeHTTP(seen, r)
		return
	}
	if !caught.executed {
		caught.wait()
	}
	answer := httptest.NewRecorder()
	c.Emulator.ServeHTTP(answer, r)
	if caught.executed {
		caught.wait()
	}
	maps.Copy(seen.Header(), answer.Header())
	seen.WriteHeader(answer.Code)
	// The client may be gone by now.
	_, _ = seen.Write(answer.Body.Bytes())
}

// borderOf is the border that a request passes, nil for none.
func (c *Cloudflare) borderOf(r *http.Request) *Border {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.border
}

// Watch has each answer shown to a function, which must not block.
func (c *Cloudflare) Watch(watch func(r *http.Request, status int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch = watch
}

// Answers returns the number of answers with a status so far. An answer that
// was cut off counts with its intended status.
func (c *Cloudflare) Answers(status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers[status]
}

func (c *Cloudflare) count(r *http.Request, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[status]++
	if c.watch != nil {
		c.watch(r, status)
	}
}

// Catch is one request that is held until its release.
type Catch struct {
	// Arrived is closed when the request is held.
	Arrived chan struct{}

	method   string
	part     string
	executed bool
	taken    bool
	released chan struct{}
	once     sync.Once
}

// Catch holds the next request of a method whose path contains part. executed
// says whether the request is executed first, so that only its answer is held.
func (c *Cloudflare) Catch(method, part string, executed bool) *Catch {
	caught := &Catch{
		Arrived: make(chan struct{}), method: method, part: part, executed: executed, released: make(chan struct{}),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.catches = append(c.catches, caught)
	return caught
}

// Release lets the request go on.
func (c *Catch) Release() { c.once.Do(func() { close(c.released) }) }

func (c *Catch) wait() {
	close(c.Arrived)
	<-c.released
}

// caught returns the first catch that matches a request.
func (c *Cloudflare) caught(r *http.Request) *Catch {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.catches {
		if !one.taken && one.method == r.Method && strings.Contains(r.URL.Path, one.part) {
			one.taken = true
			return one
		}
	}
	return nil
}

// letGo releases everything, or the listener would never close.
func (c *Cloudflare) letGo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.catches {
		one.taken = true
		one.Release()
	}
}

// seenWriter remembers the status.
type seenWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader passes the status on.
func (w *seenWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets faults reach the connection.
func (w *seenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
