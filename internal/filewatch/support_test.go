package filewatch_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/filewatch"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(unreadableFile); file != "" {
		os.Exit(watchUnreadable(file))
	}
	goleak.VerifyTestMain(m)
}

// user loads a group as a package of the program does.
type user struct {
	mu      sync.Mutex
	content string
	loads   int
	reports []string
	refuse  func(content string) error
}

func (u *user) load(contents [][]byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var joined []string
	for _, c := range contents {
		joined = append(joined, string(c))
	}
	text := strings.Join(joined, "|")
	u.loads++
	if u.refuse != nil {
		if err := u.refuse(text); err != nil {
			return err
		}
	}
	u.content = text
	return nil
}

func (u *user) report(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		u.reports = append(u.reports, "ok")
		return
	}
	u.reports = append(u.reports, err.Error())
}

func (u *user) now() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.content
}

// reported compares the reports since the last call; each is part of one.
func (u *user) reported(t *testing.T, want ...string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	good := len(u.reports) == len(want)
	for i := 0; good && i < len(want); i++ {
		good = strings.Contains(u.reports[i], want[i])
	}
	if !good {
		t.Errorf("reported %q, want %q", u.reports, want)
	}
	u.reports = nil
}

func quick() *filewatch.Watcher {
	return filewatch.New(filewatch.Config{Interval: 2 * time.Millisecond, Debounce: time.Millisecond, Digest: time.Hour})
}

func add(t *testing.T, w *filewatch.Watcher, u *user, files ...string) *filewatch.Watch {
	t.Helper()
	one, err := w.Add(t.Context(), filewatch.FileGroup{Kind: "policy", Files: files, Load: u.load, Report: u.report, MaxBytes: 1000})
	must(t, err)
	return one
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, file, content string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(content), 0o600))
}

// swap is how an editor or a deployment replaces a file.
func swap(t *testing.T, file, content string) {
	t.Helper()
	put(t, file+".new", content)
	must(t, os.Rename(file+".new", file))
}

// overwrite changes a file in place and sets its modification time back.
func overwrite(t *testing.T, file, content string) {
	t.Helper()
	before, err := os.Stat(file)
	must(t, err)
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	must(t, errors.Join(err, f.Close()))
	must(t, os.Chtimes(file, before.ModTime(), before.ModTime()))
}
