// Package docs_test runs the commands of README.md and of the pages in docs/,
// page by page, block by block, in one shell, like a reader.
//
// A block that cannot run here names the reason in a comment before it:
//
//	<!-- not run: REASON -->
//
// <!-- says: TEXT --> is before commands that may fail and must print the text, and
// <!-- background --> before a service, which goes on. A page that names files of
// /etc/storekeeper or calls storekeeper.example.com gets a service as
// deploy/README.md installs it with systemd, and an operator's key in KEY; any
// other that calls 127.0.0.1:8080 gets one of `make run`.
package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a block of commands in a page.
type block struct {
	line int
	text string
	// note is the comment before the block.
	note string
}

var (
	fence   = regexp.MustCompile("^ *```sh$")
	comment = regexp.MustCompile(`^ *<!-- (.*) -->$`)
)

// blocksOf returns the blocks of a page.
func blocksOf(page string) (all []block) {
	note := ""
	var open *block
	number := 0
	for line := range strings.Lines(page) {
		number++
		line = strings.TrimRight(line, "\n")
		said := comment.FindStringSubmatch(line)
		switch {
		case open != nil && strings.TrimSpace(line) == "```":
			all, open, note = append(all, *open), nil, ""
		case open != nil:
			open.text += strings.TrimPrefix(line, "   ") + "\n"
		case fence.MatchString(line):
			open = &block{line: number + 1, note: note}
		case said != nil:
			note = said[1]
		case strings.TrimSpace(line) != "":
			note = ""
		}
	}
	return all
}

// pages are the pages with commands, by their names from the root.
func pages(t *testing.T) []string {
	t.Helper()
	names := []string{"../README.md", "../CONTRIBUTING.md", "../deploy/README.md"}
	err := filepath.WalkDir(".", func(name string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// elsewhere are programs that cannot do their work in a test, and why.
var elsewhere = map[string]string{
	"kubectl": "it needs a cluster; make test-kubernetes runs these commands on a real API server, and test/deploy checks names and flags",
	"helm":    "it needs a cluster; make test-kubernetes runs Helm on a real API server, and test/deploy renders the chart with Helm's library",
	"grpcurl": "it is a program of its own, which this machine lacks; the tests of cmd/server make such calls",
	"docker":  "it needs a daemon; test/deploy runs the build and the services of the compose files without one",
}

var elsewhereWord = regexp.MustCompile(`(?m)^(?:sudo )?(kubectl|helm|docker|grpcurl) `)

// notRun returns the reason why a block is not run, if so.
func notRun(b block) (reason string, is bool) {
	if found := elsewhereWord.FindStringSubmatch(b.text); found != nil {
		return elsewhere[found[1]], true
	}
	return strings.CutPrefix(b.note, "not run: ")
}

// reasonLength is below the length of a reason that says something.
const reasonLength = 15

func TestEveryCommandOfThePagesRuns(t *testing.T) {
	t.Parallel()
	ran := 0
	program := build(t)
	for _, name := range pages(t) {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		some := slices.DeleteFunc(blocksOf(string(page)), func(b block) bool {
			reason, is := notRun(b)
			if is && len(reason) < reasonLength {
				t.Errorf("%s:%d: the reason %q says nothing", name, b.line, reason)
			}
			return is
		})
		if ran += len(some); len(some) == 0 {
			continue
		}
		t.Run(strings.TrimPrefix(name, "../"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, program)
			w.prepare(some)
			for _, b := range some {
				w.run(b, name)
			}
		})
	}
	if ran < 10 {
		t.Errorf("only %d blocks were found", ran)
	}
}

func TestBlocksAndTheirNotesAreFound(t *testing.T) {
	t.Parallel()
	got := blocksOf("# A\n\n```sh\na \\\n  b\n```\n\n<!-- not run: it needs a cluster -->\n\n   ```sh\n   c\n   ```\n<!-- x -->\ntext\n```sh\nd\n```\n```yaml\ne\n```\n")
	want := []block{{4, "a \\\n  b\n", ""}, {11, "c\n", "not run: it needs a cluster"}, {16, "d\n", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

// optional are the programs of the pages that a machine may lack.
var optional = regexp.MustCompile(`\b(curl|jq|openssl|awk|sed|grep|tar)\b`)

// run runs a block in the shell of the page, and fails the test if a command
// fails or an answer of the API is a failure.
func (w *world) run(b block, page string) {
	w.t.Helper()
	at := fmt.Sprintf("%s:%d", page, b.line)
	for _, tool := range optional.FindAllString(b.text, -1) {
		if _, err := exec.LookPath(tool); err != nil {
			// Later blocks depend on this block.
			w.t.Skipf("%s and what follows it is not run: it needs %s, which this machine does not have", at, tool)
		}
	}
	if b.note == "background" {
		w.background(b.text)
		return
	}
	state := filepath.Join(w.folder, ".state")
	script := fmt.Sprintf("set -eua\n[ ! -f %[1]s ] || . %[1]s\n%[2]s\nexport -p > %[1]s\n", state, w.rewrite(b.text))
	said, err := w.command("sh", "-c", script).CombinedOutput()
	failed := strings.Contains(string(said), `"success":false`) || strings.Contains(string(said), `"success": false`)
	if want, expected := strings.CutPrefix(b.note, "says: "); expected {
		if !strings.Contains(string(said), want) {
			w.t.Errorf("%s does not say %q:\n%s\n%s", at, want, b.text, said)
		}
		failed = false
	}
	if err != nil && !strings.HasPrefix(b.note, "says: ") || failed {
		w.t.Fatalf("%s: %v\n%s\n%s", at, err, b.text, said)
	}
}

// prepare starts the service that the commands of a page need.
func (w *world) prepare(page []block) {
	w.t.Helper()
	all, begun := "", false
	for _, b := range page {
		all += b.text
		begun = begun || b.note == "background"
	}
	switch {
	case strings.Contains(all, exampleAddress):
		w.install()
		w.makeStore()
	case strings.Contains(all, "/etc/storekeeper") || strings.Contains(all, "/var/lib/storekeeper"):
		w.install()
	case !begun && strings.Contains(all, "127.0.0.1:8080"):
		w.background("make run")
	}
}
