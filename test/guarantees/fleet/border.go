package fleet

import (
	"bytes"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// Border records the requests of the replicas and the changes that the emulated
// Cloudflare carried out, and drops some of the answers.
type Border struct {
	// Loss is the part of the requests that go wrong in some way.
	Loss float64
	// Carried is called for each change that was carried out, in their order.
	Carried func(Change)

	mu       sync.Mutex
	arrivals []time.Time
	whole    bool
}

// Change is a change that was carried out.
type Change struct {
	// Method and Path of the request.
	Method, Path string
	// Request and Answer are the bodies.
	Request, Answer []byte
}

// WatchBorder has all requests with Token pass the border from now on.
func (c *Cloudflare) WatchBorder(b *Border) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.border = b
}

// Stop ends all losses.
func (b *Border) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole = true
}

// Arrivals are when requests arrived, in their order.
func (b *Border) Arrivals() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.arrivals)
}

// Most is the largest number of requests that arrived in any window of a length.
func (b *Border) Most(window time.Duration) int {
	all := b.Arrivals()
	most, first := 0, 0
	for i, at := range all {
		for at.Sub(all[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// serve executes a request, or drops the request or the answer.
func (b *Border) serve(c *Cloudflare, w http.ResponseWriter, r *http.Request) {
	fate := b.arrive()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil, fate < 0.2:
		panic(http.ErrAbortHandler) // The connection ends without an answer.
	case fate < 0.3:
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	case fate < 0.4:
		time.Sleep(rand.N(100 * time.Millisecond))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	b.carry(c, answer, r, body)
	switch {
	case fate >= 0.4 && fate < 0.7:
		panic(http.ErrAbortHandler)
	case fate >= 0.7 && fate < 0.9:
		http.Error(w, "an origin error", http.StatusBadGateway)
		return
	case fate >= 0.9 && fate < 1:
		time.Sleep(rand.N(100 * time.Millisecond))
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // The client may be gone by now.
}

// arrive counts a request and returns a random number that selects its fault.
// Above 1: no fault.
func (b *Border) arrive() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrivals = append(b.arrivals, time.Now())
	if b.whole {
		return math.Inf(1)
	}
	return rand.Float64() / b.Loss
}

// carry carries a request out. Changes take turns, so that they are told in their
// order.
func (b *Border) carry(c *Cloudflare, w *httptest.ResponseRecorder, r *http.Request, body []byte) {
	if r.Method == http.MethodGet {
		c.Emulator.ServeHTTP(w, r)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c.Emulator.ServeHTTP(w, r)
	if w.Code < http.StatusMultipleChoices && b.Carried != nil {
		b.Carried(Change{Method: r.Method, Path: r.URL.Path, Request: body, Answer: bytes.Clone(w.Body.Bytes())})
	}
}
