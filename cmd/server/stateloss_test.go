package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

const stateName = "state"

// stateFiles lists the files of a state in a folder, as paths below it, key file
// last.
func stateFiles(t testing.TB, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(folder, stateName))
	must(t, err)
	var files []string
	for _, e := range entries {
		files = append(files, filepath.Join(stateName, e.Name()))
	}
	if len(files) < 2 {
		t.Fatalf("the state has only %v", files)
	}
	return append(files, stateName+".key")
}

// saved copies the files of a state into a folder.
func saved(t *testing.T, from string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	putAllBack(t, from, folder)
	return folder
}

// putAllBack replaces the state in a folder by the state of another folder.
func putAllBack(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.RemoveAll(filepath.Join(to, stateName)))
	must(t, os.Mkdir(filepath.Join(to, stateName), 0o700))
	for _, name := range stateFiles(t, from) {
		putBack(t, from, to, name)
	}
}

func putBack(t *testing.T, from, to, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, name))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(to, name), text, 0o600))
}

// failsToStart starts the program again, and returns the error of the failed start.
func (p *program) failsToStart() string {
	p.t.Helper()
	console := terminal{out: &transcript{}, err: &transcript{}}
	if code := run(p.t.Context(), p.args(p.file, p.setup), console); code != exitFailed {
		p.t.Fatalf("the start ended with %d", code)
	}
	return console.err.(*transcript).String()
}

// Each row of docs/state.md: lost, swapped or old files prevent the start, with a
// message that names the file and the fix, and with the original files the program
// starts. If no acknowledged change is lost, the program starts at once with all
// changes.
func TestAStateThatDoesNotBelongTogetherStopsTheStart(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{manyCalls, anyPace}})
	store := p.store()
	if code := p.stop(); code != exitOK {
		t.Fatal(code)
	}
	old, oldTrail := saved(t, p.folder), p.trailFiles()
	p.serve()
	create := func() reply {
		return p.do("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`, "Idempotency-Key: k")
	}
	made := create()
	if made.status != http.StatusOK || p.stop() != exitOK {
		t.Fatal(made.status)
	}
	now, nowTrail := saved(t, p.folder), p.trailFiles()
	other := start(t, setup{sets: []string{manyCalls, anyPace}})
	other.store()
	if code := other.stop(); code != exitOK {
		t.Fatal(code)
	}
	files := stateFiles(t, p.folder)
	for _, name := range files {
		path := filepath.Join(p.folder, name)
		kind, _, _ := strings.Cut(filepath.Base(name), "-")
		for what, do := range map[string]func(){
			"is gone":              func() { must(t, os.Remove(path)) },
			"is empty":             func() { must(t, os.Truncate(path, 0)) },
			"is a folder":          func() { must(t, os.Remove(path)); must(t, os.Mkdir(path, 0o700)) },
			"is of another state":  func() { putBack(t, other.folder, p.folder, name) },
			"is of an earlier day": func() { putBack(t, old, p.folder, name) },
		} {
			do()
			if harmless[kind+" "+what] {
				p.serve()
				if again := create(); again.body != made.body || again.header.Get("Idempotent-Replayed") != "true" {
					t.Errorf("%s %s: %d %s", name, what, again.status, again.body)
				}
				p.stop()
			} else {
				says := p.failsToStart()
				named := strings.Contains(says, filepath.Base(name)) || name == stateName+".key" && strings.Contains(says, "store.key_file: must")
				if !strings.Contains(says, p.folder) || !strings.Contains(says, "store.") || !named {
					t.Errorf("%s %s: %s", name, what, says)
				}
			}
			must(t, os.RemoveAll(path))
			putAllBack(t, now, p.folder)
			p.putTrailBack(nowTrail)
		}
	}
	// All state files are older: the trail reveals that.
	putAllBack(t, old, p.folder)
	if says := p.failsToStart(); !strings.Contains(says, "newer than the state") {
		t.Errorf("an older state beside the trail of now: %s", says)
	}
	// With an equally old trail, the state of that time is accepted.
	p.putTrailBack(oldTrail)
	p.serve()
	if code := p.stop(); code != exitOK {
		t.Fatal(code)
	}
	putAllBack(t, now, p.folder)
	p.putTrailBack(nowTrail)
	p.serve()
	if again := create(); again.status != http.StatusOK || again.body != made.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("with the files as they were: %d %s", again.status, again.body)
	}
}

// harmless are the losses that lose nothing: the first segment has all that the
// first snapshot has, and an older copy of the file store says the same but for how
// far the log was at least.
var harmless = map[string]bool{
	"snapshot is gone": true, "snapshot is empty": true, "snapshot is of another state": true, "snapshot is of an earlier day": true,
	"store is of an earlier day": true, "state.key is of an earlier day": true,
}

// trailFiles reads the files of the trail.
func (p *program) trailFiles() map[string][]byte {
	p.t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"audit.log", "audit.log.head"} {
		text, err := os.ReadFile(filepath.Join(p.folder, name))
		must(p.t, err)
		files[name] = text
	}
	return files
}

func (p *program) putTrailBack(files map[string][]byte) {
	p.t.Helper()
	for name, text := range files {
		must(p.t, os.WriteFile(filepath.Join(p.folder, name), text, 0o600))
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
			for _, name := range append(stateFiles(t, p.folder), lost...) {
				must(t, os.Remove(filepath.Join(p.folder, name)))
			}
			p.serve()
			if p.out.line(newStateWarning) == nil {
				t.Error("the log says nothing")
			}
		})
	}
}

// The first start is refused because of the state. No budget was spent and no
// change made, so the next start counts as a first start too.
func TestAFirstStartThatIsRefusedLeavesNoSignsOfAnEarlierLife(t *testing.T) {
	t.Parallel()
	p := &program{t: t, folder: t.TempDir()}
	p.serveCloudflare(p.setup)
	p.file = p.writeConfig(p.setup)
	damaged := filepath.Join(p.folder, stateName)
	p.writeFile(damaged, "no folder")
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
	text, err := os.ReadFile(c.Store.KeyFile)
	must(t, err)
	written(t, c.Store.KeyFile, strings.Replace(string(text), " 1 ", " 2 ", 1))
	if _, err := openState(t.Context(), settings{config: c}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "has form 2, and this build reads form 1") {
		t.Errorf("got %v", err)
	}
}

func TestTheLossOfAFileOfTheStateIsNoticedWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	for what, named := range map[string]string{"the folder": "", "the segment in use": "wal-0000000000000001", "the file that names the store": "store"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{sets: []string{manyCalls, anyPace}})
			store := p.store()
			path := filepath.Join(p.folder, stateName, named)
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
			if !p.metric("storekeeper_store_healthy 0") {
				t.Error("the metric says that it is healthy")
			}
			must(t, os.Rename(path+".away", path))
			var got reply
			p.await("changes go on with the file back", func() bool {
				got = p.do("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`)
				return got.status != http.StatusServiceUnavailable
			})
			if got.status != http.StatusOK || !p.metric("storekeeper_store_healthy 1") {
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
