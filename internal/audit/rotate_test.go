package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

// countingFS counts the bytes that are read.
type countingFS struct {
	audit.FS

	read atomic.Int64
}

func (c *countingFS) OpenFile(path string, flag int, mode fs.FileMode) (audit.File, error) {
	file, err := c.FS.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	return &countingFile{File: file, fs: c}, nil
}

type countingFile struct {
	audit.File

	fs *countingFS
}

func (c *countingFile) ReadAt(into []byte, at int64) (int, error) {
	n, err := c.File.ReadAt(into, at)
	c.fs.read.Add(int64(n))
	return n, err
}

// grow appends records of about 1 KiB until the file has a size.
func grow(t *testing.T, p string, size int64) {
	t.Helper()
	j := openFile(t, audit.FileConfig{Path: p, Key: key})
	batch := make([]audit.Record, 64)
	for i := range batch {
		batch[i] = intent("x")
		batch[i].Caller, batch[i].Store.Name = strings.Repeat("c", 400), strings.Repeat("s", 400)
	}
	for {
		if info, err := os.Stat(p); err != nil || info.Size() >= size {
			break
		}
		mustAppend(t, j, batch...)
	}
	mustClose(t, j)
}

func TestWhatAStartReadsDoesNotGrowWithTheTrail(t *testing.T) {
	const most = 512 << 10
	p := path(t)
	for _, size := range []int64{1 << 20, 16 << 20} {
		grow(t, p, size)
		count := &countingFS{FS: audit.OS()}
		mustClose(t, openFile(t, audit.FileConfig{Path: p, Key: key, FS: count}))
		if read := count.read.Load(); read == 0 || read > most {
			t.Errorf("with a trail of %d MiB a start reads %d bytes", size>>20, read)
		}
	}
	verified(t, key, p)
}

func TestAStartFindsWhatIsWrongAtTheEndOfALongTrail(t *testing.T) {
	p := path(t)
	grow(t, p, 1<<20)
	whole := content(p)
	for name, change := range map[string]func() []byte{
		"a byte of the last line": func() []byte { c := slices.Clone(whole); c[len(c)-300] ^= 1; return c },
		"the last line is gone": func() []byte {
			return whole[:bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1]
		},
		"something behind": func() []byte { return append(slices.Clone(whole), "hello\n"...) },
	} {
		write(t, p, change())
		if _, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p, Key: key}); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A crash may leave a part of a line.
	write(t, p, append(slices.Clone(whole), `{"seq":`...))
	mustClose(t, openFile(t, audit.FileConfig{Path: p, Key: key}))
	if report := verified(t, key, p); !report.Complete() {
		t.Errorf("missing: %v", report.Missing)
	}
}

// rotated makes a trail of several files, oldest first.
func rotated(t *testing.T, p string) []string {
	t.Helper()
	j := openFile(t, audit.FileConfig{Path: p, Key: key, RotateSize: 2000})
	for i := range 40 {
		mustAppend(t, j, intent(fmt.Sprint(i)))
	}
	mustClose(t, j)
	if j.Lost() != 0 {
		t.Errorf("%d files are counted as lost", j.Lost())
	}
	files, err := filepath.Glob(audit.RotatedPattern(p))
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	return append(files, p)
}

func TestARotatedTrailIsOneChain(t *testing.T) {
	p := path(t)
	files := rotated(t, p)
	if report := verified(t, key, files...); !report.Complete() || report.First.Seq != 1 || report.Open != 40 {
		t.Errorf("%+v", report)
	}
	for _, f := range files[1:] {
		if first := said(t, f)[0]; !strings.HasSuffix(first, "recovered rotated") {
			t.Errorf("%s begins with %s", f, first)
		}
	}
	// The next life goes on in it.
	mustClose(t, openFile(t, audit.FileConfig{Path: p, Key: key, RotateSize: 2000}))
	files, _ = filepath.Glob(audit.RotatedPattern(p))
	files = append(files, p)
	verified(t, key, files...)

	without := func(i int) audit.Report {
		report, err := audit.VerifyFiles(t.Context(), slices.Delete(slices.Clone(files), i, i+1), key)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if r := without(0); !r.OK() || r.Complete() || r.Missing[0].From != 1 || r.Missing[0].To != r.First.Seq-1 || r.Missing[0].Reason != audit.ReasonRotated {
		t.Errorf("without the first file: %+v", r)
	}
	if r := without(1); r.OK() || !strings.Contains(r.Problems[0].Text, "are missing") {
		t.Errorf("without the second file: %+v", r)
	}
}

func TestEarlierFilesCanBeVerifiedOnceAndKeptElsewhere(t *testing.T) {
	p := path(t)
	files := rotated(t, p)
	before, err := audit.VerifyFiles(t.Context(), files[:2], key)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.VerifyAfter(t.Context(), before.Last, files[2:], key)
	if err != nil || !report.Complete() {
		t.Errorf("%+v, %v", report, err)
	}
	wrong := before.Last
	wrong.Hash = before.First.Hash
	if report, err := audit.VerifyAfter(t.Context(), wrong, files[2:], key); err != nil || report.OK() {
		t.Errorf("after another record: %+v, %v", report, err)
	}
	wrong.Hash = "ab"
	if _, err := audit.VerifyAfter(t.Context(), wrong, files[2:], key); err == nil {
		t.Error("half a hash is taken")
	}
}

func TestATrailThatCannotBeRotatedGoesOn(t *testing.T) {
	p := path(t)
	faults := newFaultFS()
	faults.set(failing(syscall.EACCES, "rename"))
	j := openFile(t, audit.FileConfig{Path: p, Key: key, FS: faults, RotateSize: 2000})
	for i := range 40 {
		mustAppend(t, j, intent(fmt.Sprint(i)))
	}
	mustClose(t, j)
	if report := verified(t, key, p); report.First.Seq != 1 || !report.Complete() {
		t.Errorf("%+v", report)
	}
}

func TestACrashDuringARotationLosesNothing(t *testing.T) {
	for _, fails := range []string{"open audit.log", "syncdir", "write audit.log", "sync audit.log", "writeat", "sync audit.log.head"} {
		t.Run(fails, func(t *testing.T) {
			p := path(t)
			faults := newFaultFS()
			j := openFile(t, audit.FileConfig{Path: p, Key: key, FS: faults, RotateSize: 2000})
			for i := range 7 {
				mustAppend(t, j, intent(fmt.Sprint(i)))
			}
			// From the rotation on nothing works until the process ends.
			var gone atomic.Bool
			strike := failing(syscall.EIO, fails)
			faults.set(func(op, name string) error {
				if op == "rename" {
					gone.Store(true)
				}
				if gone.Load() {
					return strike(op, name)
				}
				return nil
			})
			for i := range 10 {
				if tried(t, j, slack, intent(fmt.Sprint("late", i))) != nil {
					break
				}
			}
			if !gone.Load() {
				t.Fatal("it was not rotated")
			}
			_ = j.Close()
			faults.set(nil)
			next := openFile(t, audit.FileConfig{Path: p, Key: key})
			if next.Lost() != 0 {
				t.Error("the rotated file counts as lost")
			}
			mustClose(t, next)
			files, _ := filepath.Glob(audit.RotatedPattern(p))
			if report := verified(t, key, append(files, p)...); !report.Complete() {
				t.Errorf("missing: %v", report.Missing)
			}
		})
	}
}

func TestFilesThatAreLostAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		strike func(t *testing.T, p string)
		lost   int64
	}{
		"removed": {func(t *testing.T, p string) { must(t, os.Remove(p)) }, 1},
		"emptied": {func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) }, 1},
		"changed": {func(t *testing.T, p string) { write(t, p, []byte("not a record\n")) }, 1},
		"renamed": {func(t *testing.T, p string) { must(t, os.Rename(p, p+".1")) }, 0},
		"well":    {func(*testing.T, string) {}, 0},
	} {
		t.Run(name+" while it is written", func(t *testing.T) {
			p := path(t)
			j := openFile(t, audit.FileConfig{Path: p, Key: key})
			mustAppend(t, j, intent("1"))
			c.strike(t, p)
			mustAppend(t, j, intent("2"))
			mustAppend(t, j, intent("3"))
			if j.Lost() != c.lost {
				t.Errorf("%d, want %d", j.Lost(), c.lost)
			}
		})
	}
	t.Run("before a start", func(t *testing.T) {
		p := path(t)
		mustClose(t, openFile(t, audit.FileConfig{Path: p, Key: key}))
		must(t, os.Remove(p))
		if j := openFile(t, audit.FileConfig{Path: p, Key: key}); j.Lost() != 1 {
			t.Errorf("%d, want 1", j.Lost())
		}
	})
}

func TestVerifyTellsOfAFileThatIsGone(t *testing.T) {
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p, Key: key})
	mustAppend(t, j, intent("1"))
	mustClose(t, j)
	must(t, os.Remove(p))
	report, err := audit.Verify(t.Context(), p, key)
	if err != nil || report.OK() || report.Complete() || report.Missing[0].To != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	mustClose(t, openFile(t, audit.FileConfig{Path: p, Key: key}))
	report, err = audit.Verify(t.Context(), p, key)
	if err != nil || !report.OK() || report.Complete() || report.Missing[0] != (audit.Missing{From: 1, To: 2, Before: p, Reason: audit.ReasonFileLost}) {
		t.Errorf("after the next start: %+v, %v", report, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
