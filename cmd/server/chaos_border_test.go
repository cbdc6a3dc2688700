package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// chaosCut is the fault of the answer to a change.
type chaosCut string

// The cuts. Before and after say whether Cloudflare has carried the change out.
const (
	cutNone   chaosCut = ""
	cutBefore chaosCut = "cut before"
	cutAfter  chaosCut = "cut after"
	cutPage   chaosCut = "status 520 after"
	cutHalf   chaosCut = "truncated after"
	cutMiddle chaosCut = "cut in the answer"
	// cutLate ends the connection at once; the change lands a while later.
	cutLate chaosCut = "cut, lands late"
	// Stalled requests get no answer, and the server is killed from outside.
	stallBefore chaosCut = "stalled before"
	stallAfter  chaosCut = "stalled after"
)

// cuts has the faults that the server survives.
var cuts = []chaosCut{cutBefore, cutAfter, cutPage, cutHalf, cutMiddle, cutLate}

const (
	// lateness is by how much a late change is late: less than the time after
	// which Storekeeper takes a lost change for not made.
	lateness = 300 * time.Millisecond
	// longestStall ends a stall if the server is not killed.
	longestStall = 10 * time.Second
)

// frontier is a proxy of the emulator. It records the executed changes, and
// cuts answers.
type frontier struct {
	cloudflare http.Handler
	// stalled hears of each change that stalls.
	stalled chan struct{}
	mu      sync.Mutex
	// late counts the delayed changes that are not executed yet. A WaitGroup
	// does not fit, since another change can begin during the wait.
	late   int
	landed *sync.Cond
	// executed counts the changes that were carried out, by mark.
	executed map[string]int
	// orders are the changes that are expected, by mark. Their cuts are taken
	// away once they were made.
	orders map[string]pending
	// struck are the cuts that were made.
	struck []pending
}

// pending is the cut that a sort of change is to get.
type pending struct {
	cut  chaosCut
	kind chaosKind
}

func newFrontier(cloudflare http.Handler) *frontier {
	f := &frontier{cloudflare: cloudflare, stalled: make(chan struct{}, 100), executed: map[string]int{}}
	f.landed = sync.NewCond(&f.mu)
	return f
}

// expect begins anew, with these changes and their cuts.
func (f *frontier) expect(changes []*chaosChange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.late > 0 {
		f.landed.Wait()
	}
	f.executed, f.orders, f.struck = map[string]int{}, map[string]pending{}, nil
	for _, c := range changes {
		for _, mark := range c.marks() {
			f.orders[mark] = pending{cut: c.cut, kind: c.kind}
		}
	}
	for len(f.stalled) > 0 {
		<-f.stalled
	}
}

// made counts how often each mark was part of a change that was carried out,
// and lists the cuts.
func (f *frontier) made() (executed map[string]int, struck []pending) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.late > 0 {
		f.landed.Wait()
	}
	return maps.Clone(f.executed), slices.Clone(f.struck)
}

// order returns and removes the cut of a change that is about to be made.
func (f *frontier) order(text string) chaosCut {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := pending{}
	for mark, order := range f.orders {
		if order.cut != cutNone && strings.Contains(text, mark) {
			found = order
			f.orders[mark] = pending{kind: order.kind}
		}
	}
	if found.cut != cutNone {
		f.struck = append(f.struck, found)
	}
	return found.cut
}

// execute lets Cloudflare make a change, even if the client is gone.
func (f *frontier) execute(r *http.Request, body []byte) *httptest.ResponseRecorder {
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	f.cloudflare.ServeHTTP(answer, again)
	if answer.Code < http.StatusMultipleChoices {
		f.mu.Lock()
		defer f.mu.Unlock()
		for mark := range f.orders {
			if strings.Contains(r.URL.Path+string(body), mark) {
				f.executed[mark]++
			}
		}
	}
	return answer
}

// ServeHTTP passes a request on.
func (f *frontier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		f.cloudflare.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		hangUp(w)
		return
	}
	switch cut := f.order(r.URL.Path + string(body)); cut {
	case cutBefore:
		hangUp(w)
	case cutLate:
		go f.executeLate(r, body, f.delayed())
		hangUp(w)
	case stallBefore:
		f.stall(w, r)
	case stallAfter:
		f.execute(r, body)
		f.stall(w, r)
	default:
		pass(w, f.execute(r, body), cut)
	}
}

// delayed counts a change as late and returns the function to call after its execution.
func (f *frontier) delayed() (landed func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.late--
		f.landed.Broadcast()
	}
}

func (f *frontier) executeLate(r *http.Request, body []byte, landed func()) {
	defer landed()
	time.Sleep(lateness)
	f.execute(r, body)
}

// stall returns no answer until the server is gone.
func (f *frontier) stall(w http.ResponseWriter, r *http.Request) {
	f.stalled <- struct{}{}
	select {
	case <-r.Context().Done():
	case <-time.After(longestStall):
	}
	hangUp(w)
}

// pass sends an answer, or the part that a cut leaves.
func pass(w http.ResponseWriter, answer *httptest.ResponseRecorder, cut chaosCut) {
	body, length := answer.Body.Bytes(), answer.Body.Len()
	maps.Copy(w.Header(), answer.Header())
	switch cut {
	case cutAfter:
		hangUp(w)
		return
	case cutPage:
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.Header().Del("Content-Length")
		w.WriteHeader(520)
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body><h1>Error 520</h1><p>Web server is returning an unknown error.</p></body></html>")
		return
	case cutHalf:
		body = body[:length/2]
		length = len(body)
	case cutMiddle:
		body = body[:length/2]
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body) // who asked may be gone
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// look asks Cloudflare itself, as the platform.
func (f *frontier) look(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, secretsStore+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+platformToken)
	answer := httptest.NewRecorder()
	f.cloudflare.ServeHTTP(answer, r)
	return answer
}
