package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// bench is a floor in front of an upstream that counts its calls and numbers its
// answers.
type bench struct {
	handler *handler
	calls   atomic.Int64
	file    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{file: filepath.Join(t.TempDir(), "log")}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := b.calls.Add(1)
		if r.Header.Get("Authorization") != "Bearer platform" {
			t.Errorf("the upstream is called with %q", r.Header.Get("Authorization"))
		}
		if text, err := os.ReadFile(b.file); err != nil || r.Method != http.MethodGet && !bytes.Contains(text, []byte("intent")) {
			t.Errorf("the upstream is called and no intent is in the log: %v", err)
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write([]byte(strings.Repeat("x", int(n)) + string(body)))
	}))
	t.Cleanup(upstream.Close)
	l, err := openLog(b.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.file.Close() })
	b.handler = &handler{
		callers: map[[sha256.Size]byte]string{sha256.Sum256([]byte("known")): "caller-0"}, log: l,
		behind: newClient(strings.TrimPrefix(upstream.URL, "http://"), "platform"), changes: map[string]*change{},
	}
	return b
}

func (b *bench) call(method, token, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/client/v4/x", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func TestACallIsCheckedAndAChangeIsMadeOnce(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name, method, token, key, body string
		status                         int
		answer                         string
		calls                          int64
	}{
		{"a read is handed on", http.MethodGet, "known", "", "", http.StatusOK, "x", 1},
		{"nobody is let in without a key", http.MethodGet, "other", "", "", http.StatusUnauthorized, "", 1},
		{"a change needs a key", http.MethodPost, "known", "", "a", http.StatusBadRequest, "", 1},
		{"a change", http.MethodPost, "known", "k", "a", http.StatusOK, "xxa", 2},
		{"the same again", http.MethodPost, "known", "k", "a", http.StatusOK, "xxa", 2},
		{"another with the same key", http.MethodPost, "known", "k", "b", http.StatusUnprocessableEntity, "", 2},
		{"another with another key", http.MethodPost, "known", "l", "b", http.StatusOK, "xxxb", 3},
	} {
		w := b.call(c.method, c.token, c.key, c.body)
		if w.Code != c.status || c.answer != "" && w.Body.String() != c.answer || b.calls.Load() != c.calls {
			t.Errorf("%s: %d %q after %d calls, want %d %q after %d", c.name, w.Code, w.Body, b.calls.Load(), c.status, c.answer, c.calls)
		}
	}
	text, err := os.ReadFile(b.file)
	if err != nil || bytes.Count(text, []byte(" intent ")) != 2 || bytes.Count(text, []byte(" outcome ")) != 2 {
		t.Errorf("the log has %d intents and %d outcomes of two changes: %v", bytes.Count(text, []byte(" intent ")), bytes.Count(text, []byte(" outcome ")), err)
	}
}

func TestRepeatsAtOnceWaitForOneAnswer(t *testing.T) {
	b := newBench(t)
	var all sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		all.Go(func() { answers[i] = b.call(http.MethodPost, "known", "k", "a").Body.String() })
	}
	all.Wait()
	for _, a := range answers {
		if a != "xa" {
			t.Errorf("one got %q", a)
		}
	}
}

func TestNothingLeavesThatIsNotDurable(t *testing.T) {
	b := newBench(t)
	if err := b.handler.log.file.Close(); err != nil {
		t.Fatal(err)
	}
	if w := b.call(http.MethodPost, "known", "k", "a"); w.Code != http.StatusServiceUnavailable || b.calls.Load() != 0 {
		t.Errorf("got %d after %d calls", w.Code, b.calls.Load())
	}
}

func TestThoseWhoWaitForTheDiskShareAFrame(t *testing.T) {
	b := newBench(t)
	l := b.handler.log
	l.disk.Lock() // Somebody writes.
	var all sync.WaitGroup
	const many = 16
	for range many {
		all.Go(func() {
			if err := l.commit([]byte("text\n")); err != nil {
				t.Error(err)
			}
		})
	}
	for count := 0; count < many; {
		l.mu.Lock()
		if l.open != nil {
			count = l.open.count
		}
		l.mu.Unlock()
	}
	l.disk.Unlock()
	all.Wait()
	if l.number != 1 {
		t.Errorf("%d frames were written", l.number)
	}
}
