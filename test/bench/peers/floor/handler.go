package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// mostBody is the largest request that is read.
const mostBody = 1 << 20

// handler answers callers. It is safe for concurrent use.
type handler struct {
	callers map[[sha256.Size]byte]string
	log     *log
	behind  *client

	mu sync.Mutex
	// changes are by caller and key.
	changes map[string]*change
}

// change is a change that was begun. answer is set when done is closed.
type change struct {
	request [sha256.Size]byte
	done    chan struct{}
	answer  answer
}

// ServeHTTP answers a call.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	caller, known := h.callers[sha256.Sum256([]byte(token))]
	if !known {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodGet {
		write(w, h.behind.send(r.Method, r.RequestURI, nil))
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		http.Error(w, "a change has a key", http.StatusBadRequest)
		return
	}
	write(w, h.once(caller, key, r, body))
}

// once makes a change, or returns the answer of the earlier change.
func (h *handler) once(caller, key string, r *http.Request, body []byte) answer {
	c := &change{request: digest(r, body), done: make(chan struct{})}
	name := caller + " " + key
	h.mu.Lock()
	earlier, ok := h.changes[name]
	if !ok {
		h.changes[name] = c
	}
	h.mu.Unlock()
	if ok {
		if earlier.request != c.request {
			return answer{status: http.StatusUnprocessableEntity}
		}
		<-earlier.done
		return earlier.answer
	}
	c.answer = h.change(caller, key, c.request, r, body)
	close(c.done)
	return c.answer
}

// change makes the intent durable, calls Cloudflare and makes the answer
// durable. A change whose answer cannot be kept is not acknowledged.
func (h *handler) change(caller, key string, request [sha256.Size]byte, r *http.Request, body []byte) answer {
	intent := line("intent", caller, key, r)
	intent = hex.AppendEncode(intent, request[:])
	if err := h.log.commit(append(intent, '\n')); err != nil {
		return answer{status: http.StatusServiceUnavailable}
	}
	a := h.behind.send(r.Method, r.RequestURI, body)
	outcome := line("outcome", caller, key, r)
	outcome = strconv.AppendInt(outcome, int64(a.status), 10)
	outcome = append(append(append(outcome, ' '), a.body...), '\n')
	if err := h.log.commit(outcome); err != nil {
		return answer{status: http.StatusServiceUnavailable}
	}
	return a
}

// line begins the record of a change.
func line(what, caller, key string, r *http.Request) []byte {
	const usual = 1024
	b := time.Now().UTC().AppendFormat(make([]byte, 0, usual), time.RFC3339Nano)
	for _, s := range []string{what, caller, key, r.Method, r.RequestURI, r.RemoteAddr} {
		b = append(append(b, ' '), s...)
	}
	return append(b, ' ')
}

// digest tells requests apart without keeping their values.
func digest(r *http.Request, body []byte) [sha256.Size]byte {
	all := make([]byte, 0, len(r.Method)+len(r.RequestURI)+len(body)+2)
	all = append(append(all, r.Method...), ' ')
	all = append(append(all, r.RequestURI...), ' ')
	return sha256.Sum256(append(all, body...))
}

func write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // The caller may be gone; there is nobody to tell.
}
