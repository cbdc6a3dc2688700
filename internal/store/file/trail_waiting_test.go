package file_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
)

func fileOpen(t *testing.T, c file.Config) (*file.Store, error) {
	t.Helper()
	return file.Open(t.Context(), c)
}

// end commits an outcome.
func end(t *testing.T, s store.Store, id string) error {
	t.Helper()
	return s.Commit(t.Context(), nil, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Lines: []audit.Record{{Kind: audit.KindOutcome, ID: id}}}, nil
	})
}

func TestATrailThatCannotBeWrittenWaitsInTheLog(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"write", "sync", "open", "stat"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			system := memory()
			c := onMemory(system)
			c.Trail.RotateSize = 0
			s := open(t, c)
			system.Set(func(did, name string) error {
				if did == op && strings.HasPrefix(name, "audit.log") {
					return syscall.EIO
				}
				return nil
			})
			// Running changes can end. New changes are refused.
			for i := range 20 {
				must(t, end(t, s, strconv.Itoa(i)))
			}
			must(t, s.Healthy(t.Context()))
			eventually(t, "an intent is refused", func() bool { return put(t, s, "during", "x", time.Time{}) != nil })
			left := system.Crash(nil)
			system.Set(nil)
			eventually(t, "an intent is taken", func() bool { return put(t, s, "after", "x", time.Time{}) == nil })
			must(t, s.Close())
			verifyMemory(t, system)
			if got := strings.Count(string(system.Read(memTrail)), `"kind":"outcome"`); got != 20 {
				t.Errorf("the trail has %d lines of 20", got)
			}
			c.FS = left
			s = open(t, c)
			must(t, s.Close())
			verifyMemory(t, left)
			if got := strings.Count(string(left.Read(memTrail)), `"kind":"outcome"`); got != 20 {
				t.Errorf("the trail has %d lines of 20 after a loss of power", got)
			}
		})
	}
}

// stream is a pipe that can be blocked or closed.
type stream struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  error
}

func (s *stream) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		n, _ := s.text.Write(text[:len(text)/2])
		return n, s.err
	}
	return s.text.Write(text)
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *stream) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var whole []string
	for line := range strings.Lines(s.text.String()) {
		if json.Valid([]byte(line)) {
			whole = append(whole, line)
		}
	}
	return whole
}

func TestATrailOnAStream(t *testing.T) {
	t.Parallel()
	p, out := newPlace(t), &stream{}
	c := file.Config{Folder: p.folder, Trail: file.TrailConfig{Writer: out}, MaxWait: patient}
	s := open(t, c)
	must(t, put(t, s, "first", "x", time.Time{}))
	eventually(t, "the line is in the stream", func() bool { return len(out.lines()) == 2 })
	out.fail(syscall.EPIPE)
	must(t, put(t, s, "second", "x", time.Time{}))
	out.fail(nil)
	eventually(t, "an intent is taken", func() bool { return put(t, s, "third", "x", time.Time{}) == nil })
	must(t, s.Trail(t.Context(), 0, func([]byte) error { return errors.New("a stream has no lines") }))
	must(t, s.Close())
	s = open(t, c)
	must(t, s.Close())
	var got []string
	for _, line := range out.lines() {
		var e struct {
			Seq      uint64
			Kind, ID string
		}
		must(t, json.Unmarshal([]byte(line), &e))
		got = append(got, strings.TrimSpace(fmt.Sprint(e.Seq, " ", e.Kind, " ", e.ID)))
	}
	if want := []string{"1 start", "2 intent first", "3 intent second", "4 intent third", "1 start"}; !slices.Equal(got, want) {
		t.Errorf("the stream has %q, want %q", got, want)
	}
}

// lastOf is the number of the last line of a file.
func lastOf(t *testing.T, name string) uint64 {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	place, ok := audit.PlaceOf(lines[len(lines)-1])
	if !ok {
		t.Fatalf("%s does not end with a line", name)
	}
	return place.Seq()
}
