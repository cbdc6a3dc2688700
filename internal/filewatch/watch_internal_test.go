package filewatch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// stepped is a watch with a clock that the test moves.
type stepped struct {
	*Watch

	file, content string
	loads         int
	refuse        error
	now           time.Time
}

func newStepped(t *testing.T) *stepped {
	t.Helper()
	s := &stepped{file: filepath.Join(t.TempDir(), "file"), now: time.Now()}
	s.write(t, "old")
	w := New(Config{Debounce: time.Second, Digest: time.Minute})
	one, err := w.Add(t.Context(), FileGroup{Files: []string{s.file}, Load: func(contents [][]byte) error {
		s.loads++
		if s.refuse == nil {
			s.content = string(contents[0])
		}
		return s.refuse
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Watch = one
	s.after(0)
	return s
}

func (s *stepped) write(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(s.file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *stepped) after(d time.Duration) bool {
	s.now = s.now.Add(d)
	return s.poll(s.now, false)
}

func TestContentThatIsHalfWrittenIsNotLoaded(t *testing.T) {
	s := newStepped(t)
	for _, half := range []string{"", "n", "ne", "new"} {
		s.write(t, half)
		if !s.after(time.Millisecond) || !s.after(999*time.Millisecond) {
			t.Errorf("%q does not have to settle", half)
		}
		if s.content != "old" {
			t.Fatalf("%q is in use", s.content)
		}
	}
	if s.after(time.Millisecond) || s.content != "new" {
		t.Errorf("in use is %q", s.content)
	}
}

func TestContentThatWasRefusedIsTriedAgainAtGrowingIntervals(t *testing.T) {
	s := newStepped(t)
	s.refuse = errors.New("not valid yet")
	s.write(t, "new")
	s.after(0)
	s.after(time.Second)
	if s.loads != 2 {
		t.Fatalf("%d loads", s.loads)
	}
	for i, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		pause := time.Duration(seconds) * time.Second
		s.after(pause - time.Millisecond)
		if s.loads != 2+i {
			t.Fatalf("%d loads before %v", s.loads, pause)
		}
		s.after(time.Millisecond)
		if s.loads != 3+i {
			t.Fatalf("%d loads after %v", s.loads, pause)
		}
	}
	s.refuse = nil
	s.after(time.Minute)
	if s.content != "new" {
		t.Errorf("in use is %q", s.content)
	}
}

// TestAChangeThatNoStatusShowsIsFoundByDigest: only the content of the file changes, like on file systems
// that set no times.
func TestAChangeThatNoStatusShowsIsFoundByDigest(t *testing.T) {
	s := newStepped(t)
	s.write(t, "new")
	s.loaded.status, _ = s.group.status()
	s.after(time.Minute - time.Millisecond)
	if s.after(time.Second - time.Minute); s.content != "old" {
		t.Fatalf("in use is %q", s.content)
	}
	s.after(time.Minute)
	if s.after(time.Second); s.content != "new" {
		t.Errorf("in use is %q", s.content)
	}
}

func TestContentThatChangesAllTheTimeIsAFailure(t *testing.T) {
	s := newStepped(t)
	var reported []error
	s.group.Report = func(err error) { reported = append(reported, err) }
	for i := range 30 {
		s.write(t, string(make([]byte, i)))
		s.after(999 * time.Millisecond)
	}
	if len(reported) != 1 || reported[0] == nil {
		t.Errorf("reported %v", reported)
	}
	s.after(0)
	if s.after(time.Second); len(reported) != 2 || reported[1] != nil {
		t.Errorf("reported %v", reported)
	}
}
