package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

var key = []byte("a key of the chain")

func newLog(t *testing.T, s audit.Sink) *audit.Log {
	t.Helper()
	l, err := audit.NewLog(audit.LogConfig{Sink: s, MaxWait: loadWait, MaxBacklog: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestNoAllowedCallIsMissingAfterAFault lets each fault hit a log that is used
// by many, heals it, and reads the files.
func TestNoAllowedCallIsMissingAfterAFault(t *testing.T) {
	eio, full := syscall.EIO, syscall.ENOSPC
	cases := []struct {
		name string
		rule func(op, name string) error
		// passing faults are mended without a refusal.
		passing bool
		forget  bool
	}{
		{name: "the disk is full in the middle of a batch", rule: failing(errHalf, "write")},
		{name: "the disk is full at once", rule: failing(full, "write", "writeat")},
		{name: "one write stops in its middle", rule: once(failing(errHalf, "write")), passing: true},
		{name: "one write fails", rule: once(failing(eio, "write")), passing: true},
		{name: "every write fails", rule: failing(eio, "write")},
		{name: "one sync fails", rule: once(failing(eio, "sync audit.log")), passing: true},
		{name: "one sync fails and loses what was written", rule: once(failing(eio, "sync audit.log")), passing: true, forget: true},
		{name: "every sync fails", rule: failing(eio, "sync")},
		{name: "every sync fails and loses what was written", rule: failing(eio, "sync audit.log"), forget: true},
		{name: "one sync of the head fails", rule: once(failing(eio, "sync audit.log.head")), passing: true},
		{name: "every write of the head fails", rule: failing(eio, "writeat")},
		{name: "every sync of the head fails", rule: failing(eio, "sync audit.log.head")},
		{name: "everything fails", rule: func(string, string) error { return eio }},
		{name: "nothing can be cut or opened either", rule: failing(eio, "sync", "truncate", "open", "rename")},
		{name: "the path cannot be looked at", rule: failing(syscall.EACCES, "stat", "open")},
		{name: "nothing can be cut either", rule: failing(eio, "sync audit.log", "truncate")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, system := path(t), newFaultFS()
			system.forget = c.forget
			l := newLog(t, openFile(t, audit.FileConfig{Path: p, Key: key, FS: system}))
			work := startLoad(t, l)
			work.progress(t)
			system.set(c.rule)
			if !c.passing {
				work.refusals(t)
				system.set(nil)
			}
			work.progress(t)
			healthy(t, l)
			work.stop()
			mustClose(t, l)
			verified(t, key, p)
			work.complete(t, p)
			if names, _ := filepath.Glob(p + "*"); len(names) != 2 {
				t.Errorf("the files are %v", names)
			}
		})
	}
}

// TestNoAllowedCallIsMissingAfterTheFileWasMoved does the same with what
// others do to the files.
func TestNoAllowedCallIsMissingAfterTheFileWasMoved(t *testing.T) {
	kept := func(p string) string { return p + ".kept" }
	cases := []struct {
		name  string
		hurt  func(p string) error
		after string
	}{
		{"renamed, as logrotate does", func(p string) error { return os.Rename(p, kept(p)) }, "file_lost"},
		{"renamed, with an empty one in its place", func(p string) error { return replace(p, "", kept(p)) }, "file_lost"},
		{"removed", func(p string) error {
			// A second name keeps what would be gone, for this test to look at.
			if err := os.Link(p, kept(p)); err != nil {
				return err
			}
			return os.Remove(p)
		}, "file_lost"},
		{"replaced by another file", func(p string) error { return replace(p, "something else\n", kept(p)) }, "file_damaged"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := path(t)
			l := newLog(t, openFile(t, audit.FileConfig{Path: p, Key: key}))
			work := startLoad(t, l)
			work.progress(t)
			if err := c.hurt(p); err != nil {
				t.Fatal(err)
			}
			work.progress(t)
			healthy(t, l)
			work.stop()
			mustClose(t, l)
			verified(t, key, kept(p), p)
			work.complete(t, kept(p), p)
			if first := entries(t, p)[0]; first.Kind != "recovered" || first.Reason != c.after {
				t.Errorf("the new file begins with %s", first)
			}
			if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the mode is %v, %v", info.Mode(), err)
			}
		})
	}
}

// replace puts another file at p, in one step. The one that was there goes on
// under the name kept.
func replace(p, content, kept string) error {
	if err := os.WriteFile(p+".other", []byte(content), 0o644); err != nil {
		return err
	}
	if err := os.Link(p, kept); err != nil {
		return err
	}
	return os.Rename(p+".other", p)
}

func TestAHeadThatWasRemovedComesBack(t *testing.T) {
	p := path(t)
	l := newLog(t, openFile(t, audit.FileConfig{Path: p, Key: key}))
	work := startLoad(t, l)
	work.progress(t)
	if err := os.Remove(p + ".head"); err != nil {
		t.Fatal(err)
	}
	work.progress(t)
	work.stop()
	mustClose(t, l)
	verified(t, key, p)
	work.complete(t, p)
}

func TestACallIsRefusedWhileTheSinkHangs(t *testing.T) {
	for _, operation := range []string{"write", "sync audit.log", "writeat", "sync audit.log.head", "stat"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			p, system := path(t), newFaultFS()
			j := openFile(t, audit.FileConfig{Path: p, Key: key, FS: system, MaxWait: loadWait})
			l := newLog(t, j)
			work := startLoad(t, l)
			work.progress(t)
			release := make(chan struct{})
			system.set(hanging(release, operation))
			work.refusals(t)
			ill(t, j)
			system.set(nil)
			close(release)
			work.progress(t)
			healthy(t, l)
			work.stop()
			mustClose(t, l)
			verified(t, key, p)
			work.complete(t, p)
		})
	}
}

func TestAFileThatWasChangedIsKeptAside(t *testing.T) {
	cases := map[string]struct {
		hurt  func(p string) error
		aside bool
		first string
	}{
		"emptied":      {func(p string) error { return os.Truncate(p, 0) }, false, "file_lost"},
		"shortened":    {func(p string) error { return os.Truncate(p, 300) }, true, "file_damaged"},
		"overwritten":  {func(p string) error { return os.WriteFile(p, make([]byte, 10_000), 0o600) }, true, "file_damaged"},
		"not a file":   {func(p string) error { return os.Remove(p) }, false, "file_lost"},
		"only renamed": {func(p string) error { return os.Rename(p, p+".1") }, false, "file_lost"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := path(t)
			j := openFile(t, audit.FileConfig{Path: p})
			mustAppend(t, j, intent("1"))
			if err := c.hurt(p); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, j, intent("2"))
			mustClose(t, j)
			if got := said(t, p); len(got) != 2 || got[0] != "3 recovered "+c.first || got[1] != "4 intent 2" {
				t.Errorf("got %q", got)
			}
			if found, _ := filepath.Glob(p + ".damaged-*"); (len(found) == 1) != c.aside {
				t.Errorf("moved aside: %v", found)
			}
			verified(t, nil, p)
		})
	}
}

func TestAFileMovedDuringACommitIsNotAcknowledged(t *testing.T) {
	for name, move := range map[string]func(p string) error{
		"renamed": func(p string) error { return os.Rename(p, p+".1") },
		"removed": func(p string) error { return errors.Join(os.Link(p, p+".1"), os.Remove(p)) },
	} {
		t.Run(name, func(t *testing.T) {
			p, system := path(t), newFaultFS()
			j := openFile(t, audit.FileConfig{Path: p, FS: system})
			var moved error
			system.set(once(func(op, name string) error {
				if op+" "+name != "sync audit.log" {
					return nil
				}
				// The sync itself succeeds, on a file that has gone.
				moved = move(p)
				system.set(nil)
				return nil
			}))
			mustAppend(t, j, intent("1"))
			mustClose(t, j)
			if moved != nil {
				t.Fatal(moved)
			}
			if got := said(t, p+".1", p); !slices.Equal(got, []string{"1 start", "2 recovered file_lost", "3 intent 1"}) {
				t.Errorf("got %q", got)
			}
			verified(t, nil, p+".1", p)
		})
	}
}

func TestAnUnfinishedFirstLineOfOurOwnIsNotKeptAside(t *testing.T) {
	p, system := path(t), newFaultFS()
	j := openFile(t, audit.FileConfig{Path: p, FS: system})
	if err := os.Rename(p, p+".1"); err != nil {
		t.Fatal(err)
	}
	fails := failing(syscall.EIO, "truncate")
	system.set(func(op, name string) error {
		if op == "write" {
			return errHalf
		}
		return fails(op, name)
	})
	if tried(t, j, slack, intent("1")) == nil {
		t.Error("it was written")
	}
	failed := system.count()
	eventually(t, "it is tried again", func() bool { return system.count() > failed+10 })
	system.set(nil)
	healthy(t, j)
	mustClose(t, j)
	if names, _ := filepath.Glob(p + ".damaged-*"); len(names) > 0 {
		t.Errorf("moved aside: %v", names)
	}
	verified(t, nil, p+".1", p)
}

func TestWhatOthersAppendedIsCutOff(t *testing.T) {
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p})
	f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("not ours\n")
	mustClose(t, f)
	mustAppend(t, j, intent("1"))
	mustClose(t, j)
	verified(t, nil, p)
	if got := said(t, p); len(got) != 3 || got[1] != "2 recovered write_failed" {
		t.Errorf("got %q", got)
	}
}

func TestAPipeAtThePathIsNeverWrittenTo(t *testing.T) {
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p})
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(p, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tried(t, j, slack, intent("1")); err == nil {
		t.Fatal("a record was taken")
	}
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	healthy(t, j)
	mustAppend(t, j, intent("2"))
	mustClose(t, j)
	if got := said(t, p); len(got) < 2 || got[len(got)-1] != "3 intent 2" {
		t.Errorf("got %q", got)
	}
}
