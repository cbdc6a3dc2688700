package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
)

// transcript is an in-memory log output.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *transcript) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *transcript) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// lines returns the log entries so far with a message, or all entries for "".
func (b *transcript) lines(msg string) []map[string]any {
	var found []map[string]any
	for line := range strings.Lines(b.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && (msg == "" || entry["msg"] == msg) {
			found = append(found, entry)
		}
	}
	return found
}

// line returns the last log entry with a message, or nil.
func (b *transcript) line(msg string) map[string]any {
	if found := b.lines(msg); found != nil {
		return found[len(found)-1]
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
