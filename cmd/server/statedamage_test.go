package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAChangedAnswerIsNotReplayed(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{manyCalls, anyPace}})
	store := p.store()
	body := `[{"name":"A","value":"v","scopes":["workers"],"comment":"a comment of the first answer"}]`
	create := func(body, key string) reply {
		return p.do("POST", store+"/secrets", body, "Idempotency-Key: "+key)
	}
	made := create(body, "k")
	if made.status != http.StatusOK {
		t.Fatal(made.status)
	}
	whole := changeAnswers(t, filepath.Join(p.folder, stateName, "wal-0000000000000001"))
	if got := create(body, "k"); got.status != http.StatusInternalServerError || got.header.Get("Idempotent-Replayed") != "" || !strings.Contains(got.body, "state_damaged") {
		t.Errorf("a repeat: %d %s", got.status, got.body)
	}
	if p.metric("storekeeper_store_damaged_records_total 0") || !p.metric("storekeeper_store_healthy 1") {
		t.Error("the metrics do not show it")
	}
	if got := create(strings.Replace(body, `"A"`, `"B"`, 1), "k2"); got.status != http.StatusOK {
		t.Errorf("another change: %d %s", got.status, got.body)
	}
	if code := p.stop(); code != exitOK {
		t.Fatal(code)
	}
	if says := p.failsToStart(); !strings.Contains(says, p.folder) || !strings.Contains(says, "wal-0000000000000001") || !strings.Contains(says, "docs/state.md") {
		t.Errorf("a start: %s", says)
	}
	whole()
	p.serve()
	if again := create(body, "k"); again.body != made.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("with the file as it was: %d %s", again.status, again.body)
	}
}

// changeAnswers changes one character of each kept answer in a segment, and returns
// the function that restores the segment.
func changeAnswers(t *testing.T, path string) (back func()) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	// The stored answer contains the comment unencoded.
	const before = "a comment of the"
	var places []int
	for at := range text {
		if bytes.HasPrefix(text[at:], []byte(before)) {
			places = append(places, at+len(before)+2)
		}
	}
	if len(places) == 0 {
		t.Fatalf("no kept answer is found in %d bytes", len(text))
	}
	put := func(change func(byte) byte) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		for _, at := range places {
			_, err := f.WriteAt([]byte{change(text[at])}, int64(at))
			must(t, err)
		}
		must(t, f.Close())
	}
	put(func(b byte) byte { return map[bool]byte{true: 'B', false: 'A'}[b == 'A'] })
	return func() { put(func(b byte) byte { return b }) }
}
