package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slack is how much later than promised a machine under load may answer.
const slack = 10 * time.Second

// errHalf makes a write stop in its middle, as on a full disk.
var errHalf = errors.New("half")

// faultFS is the real file system with faults. Syncs are not passed on, which
// keeps the tests quick; what was synced is noted instead.
type faultFS struct {
	audit.FS
	mu   sync.Mutex
	rule func(op, name string) error
	ops  int
	// durable is what each file held when it was synced last.
	durable map[string][]byte
	// forget makes a failing sync wipe what was not synced, as a system may
	// that gives up on its dirty pages.
	forget bool
}

func newFaultFS() *faultFS {
	return &faultFS{FS: audit.OS(), durable: map[string][]byte{}}
}

// set makes rule decide on each operation from now on. nil heals.
func (f *faultFS) set(rule func(op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

func (f *faultFS) do(op, path string) error {
	f.mu.Lock()
	rule := f.rule
	f.ops++
	f.mu.Unlock()
	if rule == nil {
		return nil
	}
	return rule(op, filepath.Base(path))
}

func (f *faultFS) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

func (f *faultFS) OpenFile(path string, flag int, mode fs.FileMode) (audit.File, error) {
	if err := f.do("open", path); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	file, err := f.FS.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, path: path, fs: f}, nil
}

func (f *faultFS) Stat(path string) (fs.FileInfo, error) {
	if err := f.do("stat", path); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return f.FS.Stat(path)
}

func (f *faultFS) Rename(from, to string) error {
	if err := f.do("rename", from); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *faultFS) SyncDir(folder string) error { return f.do("syncdir", folder) }

type faultFile struct {
	audit.File
	path string
	fs   *faultFS
}

func (f *faultFile) Write(text []byte) (int, error) {
	err := f.fs.do("write", f.path)
	switch {
	case errors.Is(err, errHalf):
		n, _ := f.File.Write(text[:len(text)/2])
		return n, syscall.ENOSPC
	case err != nil:
		return 0, err
	}
	return f.File.Write(text)
}

func (f *faultFile) WriteAt(text []byte, at int64) (int, error) {
	if err := f.fs.do("writeat", f.path); err != nil {
		return 0, err
	}
	return f.File.WriteAt(text, at)
}

func (f *faultFile) At(path string) (int64, bool, error) {
	if err := f.fs.do("stat", path); err != nil {
		return 0, false, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return f.File.At(path)
}

func (f *faultFile) SyncData() error { return f.Sync() }

func (f *faultFile) Sync() error {
	err := f.fs.do("sync", f.path)
	info, _ := f.Stat()
	content := make([]byte, info.Size())
	_, _ = f.ReadAt(content, 0)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err == nil {
		f.fs.durable[f.path] = content
		return nil
	}
	if synced := len(f.fs.durable[f.path]); f.fs.forget && len(content) > synced && !strings.HasSuffix(f.path, ".head") {
		wiped, _ := os.OpenFile(f.path, os.O_WRONLY, 0)
		_, _ = wiped.WriteAt(make([]byte, len(content)-synced), int64(synced))
		_ = wiped.Close()
	}
	return err
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.do("truncate", f.path); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// failing returns a rule that gives err for the operations, written as
// "operation" or "operation name".
func failing(err error, operations ...string) func(op, name string) error {
	return func(op, name string) error {
		for _, o := range operations {
			if o == op || o == op+" "+name {
				return err
			}
		}
		return nil
	}
}

// once makes a rule count for its first fault only.
func once(rule func(op, name string) error) func(op, name string) error {
	var mu sync.Mutex
	spent := false
	return func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if spent {
			return nil
		}
		err := rule(op, name)
		spent = err != nil
		return err
	}
}

// hanging returns a rule that blocks the operations until release is closed.
func hanging(release <-chan struct{}, operations ...string) func(op, name string) error {
	hang := failing(errHalf, operations...)
	return func(op, name string) error {
		if hang(op, name) != nil {
			<-release
		}
		return nil
	}
}

func path(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "audit.log")
}

func openFile(t *testing.T, c audit.FileConfig) *audit.Journal {
	t.Helper()
	if c.FS == nil {
		c.FS = newFaultFS()
	}
	j, err := audit.OpenFile(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func intent(id string) audit.Record { return audit.Record{Kind: audit.KindIntent, ID: id} }

func mustAppend(t *testing.T, s audit.Sink, records ...audit.Record) {
	t.Helper()
	if err := s.Append(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
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

func healthy(t *testing.T, s interface{ Healthy() error }) {
	t.Helper()
	eventually(t, "the sink is healthy", func() bool { return s.Healthy() == nil })
}

func ill(t *testing.T, s interface{ Healthy() error }) {
	t.Helper()
	eventually(t, "the sink is ill", func() bool { return s.Healthy() != nil })
}

// tried appends with a limited wait.
func tried(t *testing.T, s audit.Sink, wait time.Duration, records ...audit.Record) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	return s.Append(ctx, records...)
}

func verified(t *testing.T, key []byte, paths ...string) audit.Report {
	t.Helper()
	report, err := audit.VerifyFiles(t.Context(), paths, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("%v", p)
	}
	return report
}

// entry is what the tests look at in a line.
type entry struct {
	Seq                       uint64
	Kind, ID, Outcome, Reason string
}

func (e entry) String() string {
	return strings.Join(strings.Fields(fmt.Sprint(e.Seq, " ", e.Kind, " ", e.ID, " ", e.Outcome, " ", e.Reason)), " ")
}

// entries reads files with encoding/json, independently of the package.
func entries(t *testing.T, paths ...string) []entry {
	t.Helper()
	var all []entry
	for _, p := range paths {
		content, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for text := range bytes.Lines(content) {
			var e entry
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatalf("%s: %v: %s", p, err, text)
			}
			all = append(all, e)
		}
	}
	return all
}

func said(t *testing.T, paths ...string) []string {
	t.Helper()
	var lines []string
	for _, e := range entries(t, paths...) {
		lines = append(lines, e.String())
	}
	return lines
}
