package clients_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// loss is the position at which a change or its answer is lost.
type loss int

// The losses, in the order of a change's way. All but the last kill Storekeeper.
const (
	nothingLost loss = iota
	lostOnTheWay
	lostSending
	lostMade
	lostReplying
	lostReply
)

// startTime is how long the front waits for Storekeeper to be back.
const startTime = 20 * time.Second

// fate is the loss of a test, which happens once.
type fate struct {
	kill func()

	mu   sync.Mutex
	left loss
}

// strike closes the connection if the loss is at one of these positions.
func (f *fate) strike(here ...loss) {
	f.mu.Lock()
	l := f.left
	due := slices.Contains(here, l)
	if due {
		f.left = nothingLost
	}
	f.mu.Unlock()
	if !due {
		return
	}
	if l != lostReply {
		f.kill()
	}
	panic(http.ErrAbortHandler)
}

// strait is a proxy that loses one request or its answer.
type strait struct {
	url    string
	target func(context.Context) string
	fate   *fate
	// before and after are the losses that strike here, before and after a
	// change was passed on.
	before, after []loss

	transport *http.Transport
	mu        sync.Mutex
	passed    map[string]int
}

// requests is how many requests with a method were passed on.
func (s *strait) requests(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passed[method]
}

func (s *strait) start(t *testing.T) {
	t.Helper()
	s.transport, s.passed = &http.Transport{DisableCompression: true}, map[string]int{}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		s.transport.CloseIdleConnections()
	})
	s.url = server.URL
}

// ServeHTTP forwards one request. A loss closes the connection.
func (s *strait) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	change := r.Method != http.MethodGet
	if change {
		s.fate.strike(s.before...)
	}
	s.mu.Lock()
	s.passed[r.Method]++
	s.mu.Unlock()
	answer, said, err := s.pass(r, body)
	if change {
		s.fate.strike(s.after...)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(said) // who asked may be gone
}

func (s *strait) pass(r *http.Request, body []byte) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(r.Context(), startTime)
	defer cancel()
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+s.target(ctx)+r.RequestURI, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	out.Header = r.Header.Clone()
	out.Header.Del("Connection")
	answer, err := s.transport.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	return answer, said, err
}
