package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

// markForm matches the mark of a change of the load, which is in its request id
// and body.
var markForm = regexp.MustCompile(`trail-[0-9]+`)

// intentForm finds the intents of marked changes in lines of a trail.
var intentForm = regexp.MustCompile(`"kind":"intent".*"request_id":"(trail-[0-9]+)"`)

// intents collects the marks of the intents in a text.
func intents(text []byte, into map[string]bool) {
	for _, found := range intentForm.FindAllSubmatch(text, -1) {
		into[string(found[1])] = true
	}
}

// logWitness knows which intents are in the log of the state by now, from which the
// trail is written.
type logWitness struct {
	folder string

	mu    sync.Mutex
	known map[string]bool
	// segment is the name of the current segment, and read the position in it.
	segment string
	read    int64
}

func newLogWitness(folder string) *logWitness {
	return &logWitness{folder: folder, known: map[string]bool{}}
}

func (w *logWitness) wrote(mark string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known[mark] {
		w.look()
	}
	if !w.known[mark] {
		// Unacknowledged data is overwritten, so positions can shift.
		w.segment, w.read = "", 0
		w.look()
	}
	return w.known[mark]
}

// look reads new data.
func (w *logWitness) look() {
	segments, _ := filepath.Glob(filepath.Join(w.folder, "wal-*")) // the pattern is one
	for _, path := range segments {
		if path < w.segment {
			continue
		}
		if path > w.segment {
			w.segment, w.read = path, 0
		}
		w.lookAt(path)
	}
}

// lookAt reads a segment up to its trailing zeros.
func (w *logWitness) lookAt(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	const most = 1 << 20
	for {
		text, _ := io.ReadAll(io.NewSectionReader(f, w.read, most))
		full := len(text) == most
		text = bytes.TrimRight(text, "\x00")
		intents(text, w.known)
		// From the last whole line on.
		n := bytes.LastIndexByte(text, '\n') + 1
		w.read += int64(n)
		if !full || n == 0 {
			return
		}
	}
}

// border is in front of Cloudflare and checks that the intent of each arriving
// change was written before.
type border struct {
	next    http.Handler
	witness *logWitness

	mu      sync.Mutex
	arrived map[string]bool
	without []string
}

func newBorder(w *logWitness) *border { return &border{witness: w, arrived: map[string]bool{}} }

func (b *border) wrap(next http.Handler) http.Handler {
	b.next = next
	return b
}

func (b *border) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if mark := string(markForm.Find(body)); mark != "" && err == nil {
		recorded := b.witness.wrote(mark)
		b.mu.Lock()
		b.arrived[mark] = true
		if !recorded {
			b.without = append(b.without, mark)
		}
		b.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.next.ServeHTTP(w, r)
}
