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

// markForm is what every change of the load carries, in its request id and in
// its body: one mark for each change.
var markForm = regexp.MustCompile(`trail-[0-9]+`)

// intentForm finds the intents of marked changes in lines of a trail.
var intentForm = regexp.MustCompile(`"kind":"intent".*"request_id":"(trail-[0-9]+)"`)

// intents are the marks whose intents stand in a text.
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
	// segment is the name of the one that is being read, and read up to where it was.
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
		// What was not acknowledged is written over, so places can shift.
		w.segment, w.read = "", 0
		w.look()
	}
	return w.known[mark]
}

// look reads what is new.
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

// lookAt reads a segment up to the zeros behind what was written.
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

// border stands before Cloudflare and asks of each change that arrives whether
// its intent was written before.
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
