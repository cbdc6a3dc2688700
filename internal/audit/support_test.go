package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slack is how much later than promised a machine under load may answer.
const slack = 10 * time.Second

var key = []byte("a key of the chain")

func path(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "audit.log")
}

func write(t testing.TB, p string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(p, content, 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// content returns the content of a file, or nil if there is none.
func content(p string) []byte {
	text, err := os.ReadFile(p)
	if err != nil {
		return nil
	}
	return text
}

// trail writes an audit file and its head, as the file store does without failures.
type trail struct {
	path  string
	key   []byte
	chain *audit.Chain
}

// begin continues or begins the trail at a path with a record of kind start.
func begin(t testing.TB, p string, key []byte) *trail {
	t.Helper()
	w := &trail{path: p, key: key, chain: audit.NewChain(key, audit.NewOrigin(key), audit.Place{})}
	if head := content(audit.HeadPath(p)); head != nil {
		at, origin, err := audit.ParseHead(head, key)
		must(t, err)
		w.chain = audit.NewChain(key, origin, at)
	}
	if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) && w.chain.At().Seq() > 0 {
		w.own(t, audit.KindRecovered, audit.ReasonFileLost)
	}
	w.own(t, audit.KindStart, "")
	return w
}

func (w *trail) append(t testing.TB, records ...audit.Record) {
	t.Helper()
	var lines []byte
	for _, r := range records {
		var err error
		lines, err = w.chain.Append(lines, r, time.Now())
		must(t, err)
	}
	w.write(t, lines)
}

func (w *trail) own(t testing.TB, kind audit.RecordKind, reason string) {
	t.Helper()
	w.write(t, w.chain.AppendOwn(nil, kind, reason, time.Now()))
}

// write appends lines to the file and then updates the head in place.
func (w *trail) write(t testing.TB, lines []byte) {
	t.Helper()
	file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	must(t, err)
	_, err = file.Write(lines)
	must(t, errors.Join(err, file.Close()))
	head, err := os.OpenFile(audit.HeadPath(w.path), os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	_, err = head.Write(audit.AppendHead(nil, w.chain.At(), w.chain.Origin(), w.key))
	must(t, errors.Join(err, head.Close()))
}

// rotate renames the file and begins the next file.
func (w *trail) rotate(t testing.TB) {
	t.Helper()
	must(t, os.Rename(w.path, audit.RotatedPath(w.path, w.chain.At().Seq())))
	w.own(t, audit.KindRecovered, audit.ReasonRotated)
}

func intent(id string) audit.Record { return audit.Record{Kind: audit.KindIntent, ID: id} }

func mustClose(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	must(t, c.Close())
}

// eventually polls until done, at most for slack.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(slack); time.Now().Before(deadline); <-ticker.C {
		if done() {
			return
		}
	}
	t.Fatalf("not within %s: %s", slack, what)
}

// verify verifies the files of a whole chain.
func verify(t testing.TB, paths ...string) audit.Report {
	t.Helper()
	report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, paths, key)
	must(t, err)
	return report
}

func verified(t *testing.T, key []byte, paths ...string) audit.Report {
	t.Helper()
	report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, paths, key)
	must(t, err)
	for _, p := range report.Problems {
		t.Errorf("%v", p)
	}
	return report
}

// said decodes files with encoding/json, independently of the package, and returns the tested parts
// of each line.
func said(t *testing.T, paths ...string) []string {
	t.Helper()
	var lines []string
	for _, p := range paths {
		for text := range bytes.Lines(content(p)) {
			var e struct {
				Seq                       uint64
				Kind, ID, Outcome, Reason string
			}
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatalf("%s: %v: %s", p, err, text)
			}
			lines = append(lines, strings.Join(strings.Fields(fmt.Sprint(e.Seq, " ", e.Kind, " ", e.ID, " ", e.Outcome, " ", e.Reason)), " "))
		}
	}
	return lines
}
