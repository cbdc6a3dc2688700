package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

const stateName = "storekeeper.db"

// stateFiles are the files of a state, key file last.
func stateFiles() []string {
	return []string{stateName, stateName + ".journal-a", stateName + ".journal-b", stateName + ".key"}
}

// saved copies the files of a state into a folder.
func saved(t *testing.T, from string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for _, name := range stateFiles() {
		putBack(t, from, folder, name)
	}
	return folder
}

func putBack(t *testing.T, from, to, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, name))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(to, name), text, 0o600))
}

// failsToStart starts the program again and gives what it says when it does not.
func (p *program) failsToStart() string {
	p.t.Helper()
	console := terminal{out: &transcript{}, err: &transcript{}}
	if code := run(p.t.Context(), p.args(p.file, p.setup), console); code != exitFailed {
		p.t.Fatalf("the start ended with %d", code)
	}
	return console.err.(*transcript).String()
}

// Each row of docs/state.md: what is lost, swapped or old stops the start, which
// names the file and the way out, and with the files as they were it starts.
func TestAStateThatDoesNotBelongTogetherStopsTheStart(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{manyCalls, anyPace}})
	store := p.store()
	if code := p.stop(); code != exitOK {
		t.Fatal(code)
	}
	old := saved(t, p.folder)
	p.serve()
	made := p.do("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`, "Idempotency-Key: k")
	if made.status != http.StatusOK || p.stop() != exitOK {
		t.Fatal(made.status)
	}
	now := saved(t, p.folder)
	other := start(t, setup{sets: []string{manyCalls, anyPace}})
	other.store()
	if code := other.stop(); code != exitOK {
		t.Fatal(code)
	}
	for _, name := range stateFiles() {
		path := filepath.Join(p.folder, name)
		for what, do := range map[string]func(){
			"is gone":              func() { must(t, os.Remove(path)) },
			"is empty":             func() { must(t, os.Truncate(path, 0)) },
			"is a folder":          func() { must(t, os.Remove(path)); must(t, os.Mkdir(path, 0o700)) },
			"is of another state":  func() { putBack(t, other.folder, p.folder, name) },
			"is of an earlier day": func() { putBack(t, old, p.folder, name) },
		} {
			if what == "is of an earlier day" && strings.HasSuffix(name, ".key") {
				continue // it never changes
			}
			do()
			says := p.failsToStart()
			if !strings.Contains(says, p.folder) || !strings.Contains(says, "idempotency.") {
				t.Errorf("%s %s: %s", name, what, says)
			}
			must(t, os.RemoveAll(path))
			for _, each := range stateFiles() {
				putBack(t, now, p.folder, each)
			}
		}
	}
	p.serve()
	again := p.do("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`, "Idempotency-Key: k")
	if again.status != http.StatusOK || again.body != made.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("with the files as they were: %d %s", again.status, again.body)
	}
}

const newStateWarning = "a new state begins, and the audit trail holds records: earlier changes are forgotten, and a repeat of one is made again (docs/state.md)"

func TestANewStateBesideAnOldTrailIsToldOf(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string][]string{
		"the audit file is there": nil,
		"its head alone is there": {"audit.log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{sets: []string{manyCalls, anyPace}})
			p.store()
			p.restart()
			if p.out.line(newStateWarning) != nil {
				t.Error("a state that is there is called a new one")
			}
			if code := p.stop(); code != exitOK {
				t.Fatal(code)
			}
			for _, name := range append(stateFiles(), lost...) {
				must(t, os.Remove(filepath.Join(p.folder, name)))
			}
			p.serve()
			if p.out.line(newStateWarning) == nil {
				t.Error("the log says nothing")
			}
		})
	}
}

// The first start is refused because of the state. Nothing was ever spent or
// changed, so the next one is a first start too.
func TestAFirstStartThatIsRefusedLeavesNoSignsOfAnEarlierLife(t *testing.T) {
	t.Parallel()
	p := &program{t: t, folder: t.TempDir()}
	p.serveCloudflare(p.setup)
	p.file = p.writeConfig(p.setup)
	damaged := filepath.Join(p.folder, stateFiles()[0])
	p.writeFile(damaged, "no records file")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var errs transcript
	if code := run(ctx, p.args(p.file, p.setup), terminal{out: &transcript{}, err: &errs}); code != exitFailed || !strings.Contains(errs.String(), damaged) {
		t.Fatalf("the first start: %d %s", code, &errs)
	}
	must(t, os.Remove(damaged))
	p.serve()
	if p.out.line(newStateWarning) != nil {
		t.Error("the log tells of an earlier life")
	}
	p.must("POST", "stores", `{"name":"fresh"}`)
}

func TestAKeyFileOfALaterFormStopsTheStart(t *testing.T) {
	t.Parallel()
	c := ownState(t.TempDir())
	must(t, opened(t, c).Close())
	text, err := os.ReadFile(c.KeyFile)
	must(t, err)
	written(t, c.KeyFile, strings.Replace(string(text), " 1 ", " 2 ", 1))
	if _, err := openState(t.Context(), c, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "has form 2, and this build reads form 1") {
		t.Errorf("got %v", err)
	}
}

func TestTheLossOfAFileOfTheStateIsNoticedWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	for _, name := range stateFiles()[:3] {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{sets: []string{manyCalls, anyPace}})
			store := p.store()
			path := filepath.Join(p.folder, name)
			must(t, os.Rename(path, path+".away"))
			sent := p.changes()
			if got := p.do("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`); got.status != http.StatusServiceUnavailable {
				t.Errorf("a change: %d %s", got.status, got.body)
			}
			if n := p.changes(); n != sent {
				t.Errorf("%d changes left for Cloudflare", n-sent)
			}
			if got := p.do("GET", "stores", ""); got.status != http.StatusOK {
				t.Errorf("a read: %d %s", got.status, got.body)
			}
			if status, page := p.page("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(page, path) {
				t.Errorf("ready: %d %s", status, page)
			}
			if !p.metric("storekeeper_state_healthy 0") {
				t.Error("the metric says that it is healthy")
			}
			must(t, os.Rename(path+".away", path))
			if got := p.do("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`); got.status != http.StatusOK {
				t.Errorf("with the file back: %d %s", got.status, got.body)
			}
		})
	}
}

// changes is how many requests that change something reached Cloudflare.
func (p *program) changes() int {
	n := 0
	for _, r := range p.cf.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

func TestAChangedAnswerIsNotReplayed(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{manyCalls, anyPace}})
	store := p.store()
	body := `[{"name":"A","value":"v","scopes":["workers"],"comment":"a comment of the first answer"}]`
	if got := p.do("POST", store+"/secrets", body, "Idempotency-Key: k"); got.status != http.StatusOK || p.stop() != exitOK {
		t.Fatal(got.status)
	}
	path := filepath.Join(p.folder, stateName)
	text, err := os.ReadFile(path)
	must(t, err)
	// One character of each kept answer, some of which the database has twice.
	const before = `"body":"`
	answers := 0
	for at := range text {
		if bytes.HasPrefix(text[at:], []byte(before)) {
			at += len(before) + 20
			text[at] = map[bool]byte{true: 'B', false: 'A'}[text[at] == 'A']
			answers++
		}
	}
	if answers == 0 {
		t.Fatalf("no kept answer is found in %d bytes", len(text))
	}
	must(t, os.WriteFile(path, text, 0o600))
	p.serve()
	if line := p.out.line("kept answers in the state file are damaged; they are never given, and calls that need them fail with STATE_DAMAGED until they expire"); line == nil {
		t.Errorf("the start says %v", line)
	}
	got := p.do("POST", store+"/secrets", body, "Idempotency-Key: k")
	if got.status != http.StatusInternalServerError || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("a repeat: %d %s", got.status, got.body)
	}
	if p.metric("storekeeper_state_damaged_records_total 0") || !p.metric("storekeeper_state_healthy 1") {
		t.Error("the metrics do not show it")
	}
	if got := p.do("POST", store+"/secrets", strings.Replace(body, `"A"`, `"B"`, 1), "Idempotency-Key: k2"); got.status != http.StatusOK {
		t.Errorf("another change: %d %s", got.status, got.body)
	}
}
