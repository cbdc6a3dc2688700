// Package recorder is a proxy between a client and a server that records every
// exchange. It must not change a byte, and does not know the meaning of
// requests.
package recorder

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"platform.internal/storekeeper/test/clients/transcript"
)

// Recorder forwards requests to a server.
type Recorder struct {
	// URL is the address for clients, without a path.
	URL string

	target    string
	transport *http.Transport
	mu        sync.Mutex
	exchanges []transcript.Exchange
}

// Start listens until the end of the test. target is the server's URL without
// a path.
func Start(t testing.TB, target string) *Recorder {
	t.Helper()
	// The transport must not add Accept-Encoding: the server would see another
	// request than the client's.
	r := &Recorder{target: target, transport: &http.Transport{DisableCompression: true}}
	front := httptest.NewServer(r)
	t.Cleanup(func() {
		front.Close()
		r.transport.CloseIdleConnections()
	})
	r.URL = front.URL
	return r
}

// Take returns the exchanges since the last call of Take.
func (r *Recorder) Take() []transcript.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.exchanges
	r.exchanges = nil
	return taken
}

// ServeHTTP forwards one request. If the server does not answer, it records
// status 502 with the reason; no server answers 502 in the scripts.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	sent, err := io.ReadAll(in.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	e := transcript.Exchange{Method: in.Method, Path: in.RequestURI, Sent: string(sent)}
	header, err := r.pass(in, sent, &e)
	if err != nil {
		header, e.Status, e.Body = http.Header{}, http.StatusBadGateway, err.Error()
	}
	e.ContentType = header.Get("Content-Type")
	r.mu.Lock()
	r.exchanges = append(r.exchanges, e)
	r.mu.Unlock()
	maps.Copy(w.Header(), header)
	w.WriteHeader(e.Status)
	// A client that went away cannot be told.
	_, _ = io.WriteString(w, e.Body)
}

// pass forwards a request with the unchanged path of the client.
func (r *Recorder) pass(in *http.Request, sent []byte, e *transcript.Exchange) (http.Header, error) {
	out, err := http.NewRequestWithContext(in.Context(), in.Method, r.target+in.RequestURI, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	out.Header = in.Header.Clone()
	out.Header.Del("Connection")
	answer, err := r.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	e.Status, e.Body = answer.StatusCode, string(body)
	answer.Header.Del("Content-Length")
	answer.Header.Del("Connection")
	return answer.Header, nil
}
