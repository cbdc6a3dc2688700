package fileindex_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/fileindex"
)

// some writes the records of changes with the identifiers from and up to.
func some(t testing.TB, w *trail, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		about := audit.Record{Kind: audit.KindIntent, ID: fmt.Sprint(i), Caller: "c", Credential: audit.CredentialAPIKey, Secrets: []audit.Secret{{Name: fmt.Sprint("S", i%10)}}}
		w.Write(t, about)
		if i%7 > 0 {
			about.Kind, about.Outcome = audit.KindOutcome, audit.Succeeded
			w.Write(t, about)
		}
	}
}

// finds wants all changes up to a number from an index.
func finds(t testing.TB, x *fileindex.Index, n int) {
	t.Helper()
	r := history.Reader{Index: x}
	got := 0
	for q := (history.Request{Size: history.MostPerPage, Filter: history.Filter{Secret: "S3"}}); ; {
		p, err := r.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			i := (n-1-3)/10*10 + 3 - 10*got
			if want := map[bool]audit.Outcome{true: audit.Succeeded, false: history.Open}[i%7 > 0]; c.Record.ID != fmt.Sprint(i) || c.Record.Outcome != want {
				t.Fatalf("change %d is %s %s, want %d %s", got, c.Record.ID, c.Record.Outcome, i, want)
			}
			got++
		}
		if q.Token = p.Next; q.Token == "" {
			break
		}
	}
	if want := (n-1-3)/10 + 1; got != want {
		t.Fatalf("found %d changes, want %d", got, want)
	}
}

func TestSegmentsThatAreNotWhatWasWrittenAreMadeAgain(t *testing.T) {
	t.Parallel()
	for what, damage := range map[string]func(path string, text []byte) error{
		"cut":     func(path string, text []byte) error { return os.WriteFile(path, text[:rand.IntN(len(text))], 0o600) },
		"emptied": func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"a bit": func(path string, text []byte) error {
			text[rand.IntN(len(text))] ^= 1 << rand.IntN(8)
			return os.WriteFile(path, text, 0o600)
		},
		"removed": func(path string, _ []byte) error { return os.Remove(path) },
		"unfinished": func(path string, text []byte) error {
			return os.WriteFile(filepath.Join(filepath.Dir(path), "new-1"), text[:9], 0o600)
		},
	} {
		for at := range 4 {
			w := newTrail(t)
			for i := range 4 {
				some(t, w, 40*i, 40*i+40)
				w.open(t)
			}
			names, err := filepath.Glob(filepath.Join(w.folder(), "segment-*"))
			if err != nil || len(names) != 4 {
				t.Fatal(names, err)
			}
			text, err := os.ReadFile(names[at])
			must(t, errors.Join(err, damage(names[at], text)))
			t.Logf("%s: segment %d", what, at)
			finds(t, w.open(t), 160)
			if left, err := filepath.Glob(filepath.Join(w.folder(), "new-*")); err != nil || len(left) > 0 {
				t.Errorf("unfinished files are left: %q %v", left, err)
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestIndexOfAnotherTrailIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	some(t, w, 0, 100)
	w.open(t)
	// Another chain begins at the same path.
	other := newTrail(t)
	must(t, os.Rename(other.path, w.path))
	other.path = w.path
	some(t, other, 0, 60)
	finds(t, other.open(t), 60)
}

func TestTrailOfAnOlderBackupIsIndexedAnew(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	some(t, w, 0, 50)
	before, err := os.ReadFile(w.path)
	must(t, err)
	at := w.chain.At()
	some(t, w, 50, 100)
	w.open(t)
	must(t, os.WriteFile(w.path, before, 0o600))
	w.chain.Rewind(at)
	w.Write(t, audit.Record{Kind: audit.KindDenial, ID: "another line"})
	some(t, w, 50, 80)
	finds(t, w.open(t), 80)
}

func TestIndexThatCannotBeWrittenGoesOnInMemory(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	must(t, os.WriteFile(w.folder(), nil, 0o600)) // a file in place of the folder
	some(t, w, 0, 100)
	finds(t, w.open(t), 100)
	some(t, w, 100, 400)
	x := fileindex.New(fileindex.Config{Path: w.path, Folder: w.folder(), SegmentLines: 40})
	t.Cleanup(func() { _ = x.Close() })
	if err := x.Build(t.Context()); err == nil {
		t.Error("memory has no bound")
	}
	must(t, os.Remove(w.folder()))
	must(t, x.Build(t.Context()))
	finds(t, x, 400)
}

func TestAnIndexThatIsNotBuiltSaysSo(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	x := fileindex.New(fileindex.Config{Path: w.path, Folder: w.folder()})
	t.Cleanup(func() { _ = x.Close() })
	if err := x.CatchUp(t.Context()); !errors.Is(err, audit.ErrIndexing) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.Run(ctx)
	}()
	for deadline := time.Now().Add(20 * time.Second); x.CatchUp(ctx) != nil; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is never built")
		}
	}
	some(t, w, 0, 20)
	finds(t, x, 20)
	cancel()
	<-done
}

// childFolder names a trail in the environment of a child that is killed.
const childFolder = "STOREKEEPER_INDEX_CHILD"

// TestChild is the process that TestKillsLoseNothing kills. It indexes a trail repeatedly, with small
// segments.
func TestChild(t *testing.T) {
	path := os.Getenv(childFolder)
	if path == "" {
		t.Skip("only as a child of TestKillsLoseNothing")
	}
	for {
		x := fileindex.New(fileindex.Config{Path: path, Folder: path + ".index", SegmentLines: 20})
		must(t, x.Build(context.Background()))
		_, err := os.Stdout.WriteString("built\n")
		must(t, err)
		must(t, x.Close())
		names, err := filepath.Glob(filepath.Join(path+".index", "segment-*"))
		must(t, err)
		for _, name := range names[len(names)/2:] {
			must(t, os.Remove(name))
		}
	}
}

func TestKillsLoseNothing(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	some(t, w, 0, 10)
	for round := range 6 {
		some(t, w, 10+300*round, 10+300*round+300)
		child := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.count=1")
		child.Env = append(os.Environ(), childFolder+"="+w.path)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		lines := bufio.NewScanner(out)
		for builds := 0; builds <= round && lines.Scan(); {
			if strings.Contains(lines.Text(), "built") {
				builds++
			}
		}
		<-time.After(time.Duration(rand.IntN(3000)) * time.Microsecond)
		must(t, child.Process.Kill())
		_ = child.Wait() // it was killed
		finds(t, w.open(t), 10+300*round+300)
	}
}
