package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"sync"
)

// markForm is what every change of the load carries, in its request id and in
// its body: one mark for each change.
var markForm = regexp.MustCompile(`trail-[0-9]+`)

// intentForm finds the intents of marked changes in a trail.
var intentForm = regexp.MustCompile(`"kind":"intent".*"request_id":"(trail-[0-9]+)"`)

// intents are the marks whose intents stand in a text.
func intents(text []byte, into map[string]bool) {
	for _, found := range intentForm.FindAllSubmatch(text, -1) {
		into[string(found[1])] = true
	}
}

// witness knows which intents have been written by now.
type witness interface{ wrote(mark string) bool }

// fileWitness reads the file at a path, and those that were there before it.
type fileWitness struct {
	path string

	mu    sync.Mutex
	known map[string]bool
	files []*os.File
	read  int64
}

func newFileWitness(path string) *fileWitness {
	return &fileWitness{path: path, known: map[string]bool{}}
}

func (w *fileWitness) wrote(mark string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known[mark] {
		w.look()
	}
	if !w.known[mark] {
		// What was not acknowledged is cut off and written anew, so places in
		// the file can shift.
		w.read = 0
		w.look()
	}
	return w.known[mark]
}

// look reads what is new, at the path and in the files that were there before.
func (w *fileWitness) look() {
	before := len(w.files)
	if f, err := os.Open(w.path); err == nil {
		if !w.has(f) {
			w.files = append(w.files, f)
		} else {
			_ = f.Close()
		}
	}
	if before < len(w.files) {
		w.read = 0
	}
	for i, f := range w.files {
		from := w.read
		if i < len(w.files)-1 {
			if w.read > 0 {
				continue
			}
			from = 0
		}
		text, _ := io.ReadAll(io.NewSectionReader(f, from, 1<<40))
		intents(text, w.known)
		if i == len(w.files)-1 {
			// From the last whole line on.
			w.read = from + int64(bytes.LastIndexByte(text, '\n')+1)
		}
	}
}

func (w *fileWitness) has(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return true
	}
	for _, known := range w.files {
		if other, err := known.Stat(); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

func (w *fileWitness) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.files {
		_ = f.Close()
	}
}

// streamWitness stands before a writer, and knows what that has taken.
type streamWitness struct {
	to io.Writer

	mu    sync.Mutex
	known map[string]bool
}

func (w *streamWitness) Write(text []byte) (int, error) {
	n, err := w.to.Write(text)
	w.mu.Lock()
	defer w.mu.Unlock()
	intents(text[:n], w.known)
	return n, err
}

func (w *streamWitness) wrote(mark string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[mark]
}

// border stands before Cloudflare and asks of each change that arrives whether
// its intent was written before.
type border struct {
	next    http.Handler
	witness witness

	mu      sync.Mutex
	arrived map[string]bool
	without []string
}

func newBorder(w witness) *border { return &border{witness: w, arrived: map[string]bool{}} }

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
