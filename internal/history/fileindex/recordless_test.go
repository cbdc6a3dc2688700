package fileindex_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/fileindex"
)

// rotatedTrail is a trail of two rotated files and the audit file.
func rotatedTrail(t *testing.T) (w *trail, rotated []string) {
	t.Helper()
	w = newTrail(t)
	for i := range 2 {
		some(t, w, 40*i, 40*i+40)
		w.rotate(t)
	}
	some(t, w, 80, 100)
	rotated, err := audit.RotatedFiles(w.path)
	must(t, err)
	return w, rotated
}

func lengthen(t *testing.T, path, by string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(text, by...), 0o600))
}

// An answer from a trail with parts that nobody can read must not look like an answer from a whole trail. The files
// that the service leaves after a kill are whole.
func TestPartsThatAreNoRecordsAreDamage(t *testing.T) {
	t.Parallel()
	const part = `{"seq":9,"time":"20`
	for name, tc := range map[string]struct {
		then func(t *testing.T, w *trail, rotated []string)
		says string
	}{
		"a rotated file without a record": {func(t *testing.T, _ *trail, rotated []string) {
			t.Helper()
			must(t, os.WriteFile(rotated[0], []byte("no record\nno record\n"), 0o600))
		}, "whole files: 1"},
		"a rotated file with a part of a line": {func(t *testing.T, _ *trail, rotated []string) {
			t.Helper()
			must(t, os.WriteFile(rotated[1], []byte(part), 0o600))
		}, "whole files: 1"},
		"a rotated file that begins with a line that is too long": {func(t *testing.T, _ *trail, rotated []string) {
			t.Helper()
			text, err := os.ReadFile(rotated[1])
			must(t, err)
			must(t, os.WriteFile(rotated[1], append(bytes.Repeat([]byte("x"), 128<<10), text...), 0o600))
		}, "whole files: 1"},
		"an audit file without a record": {func(t *testing.T, w *trail, _ []string) {
			t.Helper()
			must(t, os.WriteFile(w.path, []byte("no record\n"), 0o600))
		}, "whole files: 1"},
		"a rotated file that ends with a part of a line": {func(t *testing.T, _ *trail, rotated []string) {
			t.Helper()
			lengthen(t, rotated[0], part)
		}, "the end of a file"},
		"the newest rotated file, without an audit file": {func(t *testing.T, w *trail, rotated []string) {
			t.Helper()
			lengthen(t, rotated[1], part)
			must(t, os.Remove(w.path))
		}, "the end of a file"},
		"an audit file that ends with a part of a line": {func(t *testing.T, w *trail, _ []string) {
			t.Helper()
			lengthen(t, w.path, part)
		}, ""},
		"an audit file with a part of a line": {func(t *testing.T, w *trail, _ []string) {
			t.Helper()
			must(t, os.WriteFile(w.path, []byte(part), 0o600))
		}, ""},
		"an empty audit file, and other files": {func(t *testing.T, w *trail, rotated []string) {
			t.Helper()
			must(t, os.Truncate(w.path, 0))
			must(t, os.WriteFile(rotated[0]+".gz", []byte("no record\n"), 0o600))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, rotated := rotatedTrail(t)
			tc.then(t, w, rotated)
			c := fileindex.Config{Path: w.path, Folder: t.TempDir()}
			says := func(of string, err error) {
				t.Helper()
				if (err != nil) != (tc.says != "") || err != nil && (!errors.Is(err, audit.ErrDamaged) || !strings.Contains(err.Error(), tc.says)) {
					t.Errorf("%s: %v, want %q", of, err, tc.says)
				}
			}
			says("a scan", fileindex.Scan(t.Context(), c, 0, func([]byte) error { return nil }))
			x := fileindex.New(c)
			t.Cleanup(func() { _ = x.Close() })
			must(t, x.Build(t.Context()))
			says("an index", x.Damaged())
		})
	}
}

// The lines that the index has are read again when a change is wanted. A change whose lines are damaged is not one whose lines
// were removed with their file.
func TestAWantedLineThatIsNoRecordIsDamage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		then    func(t *testing.T, rotated []string)
		damaged bool
	}{
		"whole": {func(*testing.T, []string) {}, false},
		"removed": {func(t *testing.T, rotated []string) {
			t.Helper()
			must(t, os.Remove(rotated[1]))
		}, false},
		"a line between": {func(t *testing.T, rotated []string) {
			t.Helper()
			overwrite(t, rotated[1], 5)
		}, true},
		"the last line": {func(t *testing.T, rotated []string) {
			t.Helper()
			overwrite(t, rotated[1], -1)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, rotated := rotatedTrail(t)
			x := w.open(t)
			tc.then(t, rotated)
			must(t, x.Damaged())
			_, err := history.Reader{Index: x}.Read(context.Background(), history.Request{Size: history.MostPerPage})
			must(t, err)
			if err := x.Damaged(); errors.Is(err, audit.ErrDamaged) != tc.damaged {
				t.Error(err)
			}
		})
	}
}

// overwrite makes a line of a file no record. Line -1 is the last.
func overwrite(t *testing.T, path string, line int) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if line < 0 {
		line += len(lines)
	}
	copy(lines[line], "no record")
	must(t, os.WriteFile(path, text, 0o600))
}
