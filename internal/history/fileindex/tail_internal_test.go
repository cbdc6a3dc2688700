package fileindex

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// writer writes a trail of own records.
type writer struct {
	t     *testing.T
	path  string
	chain *audit.Chain
}

func newWriter(t *testing.T) *writer {
	t.Helper()
	return &writer{t: t, path: filepath.Join(t.TempDir(), "audit.log"), chain: audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})}
}

func (w *writer) write(lines int) {
	w.t.Helper()
	file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for range lines {
		if _, err := file.Write(w.chain.AppendOwn(nil, audit.KindStart, "", time.Now())); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *writer) rotate() {
	w.t.Helper()
	if err := os.Rename(w.path, audit.RotatedPath(w.path, w.chain.At().Seq())); err != nil {
		w.t.Fatal(err)
	}
}

// rest reads the numbers of the remaining lines.
func rest(t *testing.T, of *tail) []uint64 {
	t.Helper()
	var seqs []uint64
	for {
		lines, err := of.next()
		if err != nil {
			t.Fatal(err)
		}
		if lines == nil {
			return seqs
		}
		for _, l := range lines {
			seqs = append(seqs, l.at.Seq)
		}
	}
}

func TestLinesBetweenTheLastReadAndARotationAreRead(t *testing.T) {
	for name, then := range map[string]func(w *writer){
		"a rotation": func(w *writer) {
			w.write(2)
			w.rotate()
			w.write(3)
		},
		"two rotations": func(w *writer) {
			w.write(2)
			w.rotate()
			w.write(2)
			w.rotate()
			w.write(1)
		},
		"a rotation, and no new file yet": func(w *writer) {
			w.write(5)
			w.rotate()
		},
		"a rotation, and the file is removed": func(w *writer) {
			w.write(2)
			w.rotate()
			if err := os.Remove(audit.RotatedPath(w.path, w.chain.At().Seq())); err != nil {
				w.t.Fatal(err)
			}
			w.write(3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			w.write(4)
			read := tail{files: files{path: w.path, firsts: map[string]uint64{}}}
			defer read.close()
			if got := rest(t, &read); len(got) != 4 {
				t.Fatalf("read %d", got)
			}
			// The reader is at the end of the file, and looks for the next file after the rotation.
			then(w)
			for {
				moved, err := read.turn()
				if err != nil {
					t.Fatal(err)
				}
				if !moved {
					break
				}
				if got, want := fmt.Sprint(rest(t, &read)), "[5 6 7 8 9]"; got != want {
					t.Errorf("read %s, want %s", got, want)
				}
			}
			if read.last != 9 {
				t.Errorf("the last line read is %d", read.last)
			}
		})
	}
}

// A line that is longer than any valid line must not stop or occupy the reader.
func TestALineThatExceedsAReadEndsItsFile(t *testing.T) {
	w := newWriter(t)
	w.write(2)
	junk := make([]byte, 2*tailBytes)
	file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(junk); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	w.rotate()
	w.write(2)
	read := tail{files: files{path: w.path, firsts: map[string]uint64{}}}
	defer read.close()
	if got := fmt.Sprint(rest(t, &read)); got != "[1 2 3 4]" {
		t.Errorf("read %s", got)
	}
}

// A path has another file, or none, if the trail is rotated after the files were listed.
func TestAFileThatIsNotTheListedFileIsNotRead(t *testing.T) {
	for name, then := range map[string]func(w *writer){
		"no file":      func(*writer) {},
		"a newer file": func(w *writer) { w.write(2) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			w.write(2)
			listed := files{path: w.path, firsts: map[string]uint64{}}
			all, err := listed.list()
			if err != nil {
				t.Fatal(err)
			}
			w.rotate()
			then(w)
			read := tail{files: listed}
			defer read.close()
			if err := read.open(all[0], 0); !errors.Is(err, errRotated) {
				t.Errorf("opened, %v", err)
			}
			if got := fmt.Sprint(rest(t, &read)[:2]); got != "[1 2]" {
				t.Errorf("read %s", got)
			}
		})
	}
}

// A path can have other lines than when its first line was cached. The reader must not look for the former lines
// forever, nor skip the lines of a file that was rotated.
func TestAFileWithOtherLinesThanBeforeDoesNotOccupyTheReader(t *testing.T) {
	given := func(w *writer) files { return files{paths: []string{audit.RotatedPath(w.path, 2), w.path}} }
	for name, tc := range map[string]struct {
		files func(w *writer) files
		then  func(w *writer, listed files)
		want  string
	}{
		"the audit file, given by name, is rotated": {given, func(w *writer, _ files) {
			w.rotate()
			w.write(2)
		}, "rotated"},
		"the audit file, given by name, is gone": {given, func(w *writer, _ files) { w.rotate() }, "rotated"},
		"a rotated file is emptied": {func(w *writer) files { return files{path: w.path} }, func(w *writer, listed files) {
			w.write(1)
			w.rotate()
			w.write(1)
			if _, err := listed.list(); err != nil {
				w.t.Fatal(err)
			}
			if err := os.Truncate(audit.RotatedPath(w.path, 5), 0); err != nil {
				w.t.Fatal(err)
			}
		}, "[6]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			w.write(2)
			w.rotate()
			w.write(2)
			listed := tc.files(w)
			listed.firsts = map[string]uint64{}
			read := tail{files: listed}
			defer read.close()
			if lines, err := read.next(); err != nil || len(lines) != 2 {
				t.Fatal(lines, err)
			}
			tc.then(w, listed)
			if tc.want != "rotated" {
				if got := fmt.Sprint(rest(t, &read)); got != tc.want {
					t.Errorf("read %s, want %s", got, tc.want)
				}
				return
			}
			if lines, err := read.next(); !errors.Is(err, errRotated) {
				t.Errorf("read %v, %v", lines, err)
			}
		})
	}
}

// The segments of an index are removed if the trail differs from what they index. A rotation is no difference.
func TestARotationDuringTheStartLeavesTheSegments(t *testing.T) {
	for name, then := range map[string]func(w *writer){
		"no file":      func(*writer) {},
		"a newer file": func(w *writer) { w.write(2) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			w.write(2)
			s := &segment{head: head{last: 2, hash: w.chain.At().Hash()}}
			listed := files{path: w.path, firsts: map[string]uint64{}}
			all, err := listed.list()
			if err != nil {
				t.Fatal(err)
			}
			w.rotate()
			then(w)
			if _, err := sameLine(all, s); !errors.Is(err, errRotated) {
				t.Errorf("the segment is judged by another file: %v", err)
			}
			if all, err = listed.list(); err != nil {
				t.Fatal(err)
			}
			if same, err := sameLine(all, s); !same || err != nil {
				t.Errorf("%t, %v", same, err)
			}
		})
	}
}

// furthest is a file of lines that are no records. It remembers how far it was read.
type furthest struct{ at int64 }

func (f *furthest) ReadAt(text []byte, at int64) (int, error) {
	f.at = max(f.at, at+int64(len(text)))
	if at > 4*mostSkipped {
		return 0, io.EOF
	}
	for i := range text {
		text[i] = "no record\n"[(at+int64(i))%10]
	}
	return len(text), nil
}

// A query looks for the first record of each file.
func TestTheSearchForAFirstRecordGivesUp(t *testing.T) {
	var file furthest
	if begins, err := beginningIn(&file); err != nil || begins.first != 0 || file.at > mostSkipped+mostLine {
		t.Errorf("%+v, %v, read %d bytes", begins, err, file.at)
	}
}
