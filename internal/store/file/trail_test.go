package file_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// said reads the kinds, identifiers and reasons of the lines of files.
func said(t *testing.T, files ...string) []string {
	t.Helper()
	var all []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		for line := range bytes.Lines(text) {
			var e struct{ Kind, ID, Reason string }
			must(t, json.Unmarshal(line, &e))
			all = append(all, strings.Join(strings.Fields(e.Kind+" "+e.ID+" "+e.Reason), " "))
		}
	}
	return all
}

// appears waits until a file ends with a line that has a text.
func appears(t *testing.T, name, text string) {
	t.Helper()
	eventually(t, text+" in "+name, func() bool {
		content, err := os.ReadFile(name)
		at := bytes.LastIndexByte(bytes.TrimSuffix(content, []byte("\n")), '\n')
		return err == nil && bytes.Contains(content[at+1:], []byte(text)) && bytes.HasSuffix(content, []byte("\n"))
	})
}

// replace atomically replaces the file at a path. The old file is kept under the name kept.
func replace(path, content, kept string) error {
	if err := os.WriteFile(path+".other", []byte(content), 0o644); err != nil {
		return err
	}
	if err := os.Link(path, kept); err != nil {
		return err
	}
	return os.Rename(path+".other", path)
}

func TestNoLineIsMissingAfterTheFileWasMoved(t *testing.T) {
	t.Parallel()
	kept := func(p string) string { return p + ".kept" }
	cases := []struct {
		name  string
		hurt  func(p string) error
		after string
		lost  int64
	}{
		{"renamed, as logrotate does", func(p string) error { return os.Rename(p, kept(p)) }, "file_lost", 0},
		{"renamed, with an empty one in its place", func(p string) error { return replace(p, "", kept(p)) }, "file_lost", 0},
		{"replaced by another file", func(p string) error { return replace(p, "something else\n", kept(p)) }, "file_lost", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := open(t, p.config())
			var group sync.WaitGroup
			const many = 200
			for writer := range 4 {
				group.Go(func() {
					for i := range many {
						if err := put(t, s, fmt.Sprintf("%d-%d", writer, i), "x", time.Time{}); err != nil {
							t.Error(err)
							return
						}
						if writer == 0 && i == many/2 {
							if err := c.hurt(p.trail); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			group.Wait()
			must(t, s.Close())
			report := verify(t, kept(p.trail), p.trail)
			if !report.Complete() || report.Records < 4*many || s.LostTrail() != c.lost {
				t.Errorf("%d records, missing %v, %d losses", report.Records, report.Missing, s.LostTrail())
			}
			if lines := said(t, p.trail); lines[0] != "recovered "+c.after {
				t.Errorf("the new file begins with %s", lines[0])
			}
			if info, err := os.Stat(p.trail); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the mode is %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestAFileThatWasLostIsFollowedByOneThatSaysSo(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		hurt  func(p string) error
		after string
	}{
		{"removed", os.Remove, "file_lost"},
		{"emptied", func(p string) error { return os.Truncate(p, 0) }, "file_lost"},
		{"cut", func(p string) error { return os.Truncate(p, 100) }, "file_damaged"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := open(t, p.config())
			must(t, put(t, s, "before", "x", time.Time{}))
			appears(t, p.trail, "before")
			must(t, c.hurt(p.trail))
			must(t, put(t, s, "during", "x", time.Time{}))
			appears(t, p.trail, c.after)
			must(t, put(t, s, "after", "x", time.Time{}))
			must(t, s.Close())
			if s.LostTrail() != 1 {
				t.Errorf("%d losses are counted", s.LostTrail())
			}
			if got := said(t, p.trail); !slices.Equal(got, []string{"recovered " + c.after, "intent after"}) {
				t.Errorf("the new file has %q", got)
			}
			rest, err := filepath.Glob(p.trail + ".rest-*")
			if err != nil || len(rest) != 1 {
				t.Fatalf("the lines that the log had are in %v, %v", rest, err)
			}
			// All lines of that file that were not synced were in the log.
			if got := said(t, rest[0]); got[len(got)-1] != "intent during" {
				t.Errorf("the rest is %q", got)
			}
			verify(t, p.trail)
			s = open(t, p.config())
			want(t, s, "during", "x")
		})
	}
}

func TestTheTrailIsRotated(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.config()
	c.Trail.RotateSize = 4 << 10
	for life := range 3 {
		s := open(t, c)
		for i := range 60 {
			must(t, put(t, s, fmt.Sprintf("%d-%d", life, i), "x", time.Time{}))
		}
		must(t, s.Close())
	}
	files, err := audit.RotatedFiles(p.trail)
	must(t, err)
	slices.Sort(files)
	report := verify(t, append(files, p.trail)...)
	if len(files) < 3 || !report.Complete() {
		t.Errorf("%d rotated files, missing %v", len(files), report.Missing)
	}
	for _, name := range files {
		// A file gets all lines committed before the line that begins the next file.
		if info, err := os.Stat(name); err != nil || info.Size() > 20<<10 {
			t.Errorf("%s has %d bytes, %v", name, info.Size(), err)
		}
		last := lastOf(t, name)
		if name != audit.RotatedPath(p.trail, last) {
			t.Errorf("%s ends with record %d", name, last)
		}
	}
}

// A file beside the trail whose name only begins like that of a rotated file is none.
func TestOtherFilesBesideTheTrailAreNotRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := open(t, p.config())
	must(t, put(t, s, "one", "x", time.Time{}))
	rotated := audit.RotatedPath(p.trail, 1)
	for _, other := range []string{rotated + ".gz", rotated[:len(rotated)-20] + strings.Repeat("x", 20)} {
		must(t, os.WriteFile(other, []byte("no record\n"), 0o600))
	}
	lines := 0
	must(t, s.Trail(t.Context(), 0, func([]byte) error { lines++; return nil }))
	must(t, s.Close())
	if lines == 0 {
		t.Error("no line was read")
	}
}

func TestWhatHappensToTheTrailWhileNoProcessRuns(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		hurt  func(p string) error
		first string
		lost  int64
	}{
		{"nothing", func(string) error { return nil }, "start", 0},
		{"the file was moved", func(p string) error { return os.Rename(p, p+".kept") }, "recovered file_lost", 1},
		{"the file was emptied", func(p string) error { return os.Truncate(p, 0) }, "recovered file_lost", 1},
		{"file and head are gone", func(p string) error { return errors.Join(os.Remove(p), os.Remove(p+".head")) }, "recovered file_lost", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := open(t, p.config())
			must(t, put(t, s, "before", "x", time.Time{}))
			must(t, s.Close())
			must(t, c.hurt(p.trail))
			s = open(t, p.config())
			must(t, put(t, s, "after", "x", time.Time{}))
			must(t, s.Close())
			report := verify(t, p.trail)
			if got := said(t, p.trail)[0]; got != c.first || s.LostTrail() != c.lost {
				t.Errorf("the file begins with %q, %d losses", got, s.LostTrail())
			}
			if report.Last.Seq < 4 {
				t.Errorf("the chain begins anew: it ends with record %d", report.Last.Seq)
			}
		})
	}
}

func TestANewStateContinuesTheTrailThatIsThere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := open(t, p.config())
	must(t, put(t, s, "before", "x", time.Time{}))
	must(t, s.Close())
	must(t, os.Rename(p.folder, p.folder+".away"))
	file, err := os.OpenFile(p.trail, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteString(`{"seq":3,"torn`)
	must(t, errors.Join(err, file.Close()))
	s = open(t, p.config())
	want(t, s, "before", "")
	must(t, s.Close())
	if got := said(t, p.trail); !slices.Equal(got, []string{"start", "intent before", "recovered torn_tail", "start"}) {
		t.Errorf("the trail has %q", got)
	}
	verify(t, p.trail)
	// The older state does not know the lines written by the newer state.
	must(t, os.RemoveAll(p.folder))
	must(t, os.Rename(p.folder+".away", p.folder))
	if _, err := fileOpen(t, p.config()); err == nil || !strings.Contains(err.Error(), "newer than the state") {
		t.Errorf("the state of before starts: %v", err)
	}
}
