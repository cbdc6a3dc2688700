package file_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
)

func unavailable(t *testing.T, err error) {
	t.Helper()
	if f := fault.From(err); err == nil || f.Kind != fault.Unavailable {
		t.Fatalf("got %v, want a fault of kind Unavailable", err)
	}
}

func TestAFileThatIsNotInItsPlaceStopsCommits(t *testing.T) {
	t.Parallel()
	for name, moved := range map[string]string{"the folder": "", "a segment": "wal-0000000000000001", "the identity": "store"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := open(t, p.config())
			must(t, put(t, s, "before", "x", time.Time{}))
			path := filepath.Join(p.folder, moved)
			must(t, os.Rename(path, path+".away"))
			if err := s.Healthy(t.Context()); err == nil {
				t.Error("it says that it is healthy")
			}
			if moved != "store" {
				unavailable(t, put(t, s, "during", "x", time.Time{}))
			}
			want(t, s, "before", "x")
			must(t, os.Rename(path+".away", path))
			// A write that began while the file was away can still be under way.
			eventually(t, "the store works again", func() bool {
				return s.Healthy(t.Context()) == nil && put(t, s, "after", "x", time.Time{}) == nil
			})
			must(t, s.Close())
			s = open(t, p.config())
			want(t, s, "after", "x")
			verify(t, p.trail)
		})
	}
	t.Run("a segment that was cut", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		s := open(t, p.config())
		must(t, put(t, s, "before", "x", time.Time{}))
		must(t, os.Truncate(filepath.Join(p.folder, "wal-0000000000000001"), 600))
		for range 3 {
			unavailable(t, put(t, s, "during", "x", time.Time{}))
		}
		if err := s.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "cut") {
			t.Errorf("healthy: %v", err)
		}
		want(t, s, "before", "x")
		_ = s.Close()
		if _, err := file.Open(t.Context(), p.config()); err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("a start: %v", err)
		}
	})
}

// eventually polls until done.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-ticker.C {
		if done() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

func TestADamagedAnswerIsNeverGiven(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := open(t, p.config())
	must(t, put(t, s, "answer", "SUCCEEDED", time.Now().Add(time.Hour)))
	must(t, put(t, s, "other", "UNTOUCHED", time.Now().Add(time.Hour)))
	segment, err := os.OpenFile(filepath.Join(p.folder, "wal-0000000000000001"), os.O_RDWR, 0)
	must(t, err)
	content := make([]byte, 1<<20)
	_, err = segment.ReadAt(content, 0)
	must(t, err)
	_, err = segment.WriteAt([]byte("X"), int64(bytes.Index(content, []byte("SUCCEEDED"))))
	must(t, errors.Join(err, segment.Close()))
	for range 2 {
		if _, err := s.Get(t.Context(), "answer"); fault.From(err).Reason != "STATE_DAMAGED" {
			t.Errorf("got %v", err)
		}
	}
	err = s.Commit(t.Context(), []string{"answer"}, func(map[string]store.Record) (store.Changes, error) { return store.Changes{}, nil })
	if fault.From(err).Reason != "STATE_DAMAGED" || s.Damaged() != 3 {
		t.Errorf("a commit: %v, %d damaged", err, s.Damaged())
	}
	want(t, s, "other", "UNTOUCHED")
}

// A sync that takes longer than a commit waits is no reason against a start.
func TestAStartWaitsForASlowDisk(t *testing.T) {
	t.Parallel()
	system := memory()
	c := onMemory(system)
	c.MaxWait = time.Second
	system.Set(func(op, _ string) error {
		if op == "sync" {
			time.Sleep(c.MaxWait + c.MaxWait/2)
		}
		return nil
	})
	s := open(t, c)
	system.Set(nil)
	eventually(t, "the store works", func() bool { return s.Healthy(t.Context()) == nil })
	must(t, s.Close())
	verifyMemory(t, system)
}

func TestAHungDiskRefusesAfterAWhileAndThenAtOnce(t *testing.T) {
	t.Parallel()
	system := memory()
	c := onMemory(system)
	c.MaxWait = 2 * time.Second
	s := open(t, c)
	must(t, put(t, s, "before", "x", time.Time{}))
	release := make(chan struct{})
	system.Set(func(op, name string) error {
		if op == "sync" && !strings.HasPrefix(name, "audit") {
			<-release
		}
		return nil
	})
	unavailable(t, put(t, s, "during", "x", time.Time{}))
	began := time.Now()
	unavailable(t, put(t, s, "refused", "x", time.Time{}))
	if took := time.Since(began); took > c.MaxWait {
		t.Errorf("a hung store refused after %v, want at once", took)
	}
	if err := s.Healthy(t.Context()); err == nil {
		t.Error("a hung store says that it is healthy")
	}
	want(t, s, "before", "x")
	want(t, s, "during", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx, nil, nil); fault.From(err).Kind != fault.Canceled {
		t.Errorf("a caller that has left: %v", err)
	}
	close(release)
	eventually(t, "the store works again", func() bool { return s.Healthy(t.Context()) == nil })
	must(t, put(t, s, "after", "x", time.Time{}))
	want(t, s, "refused", "")
	want(t, s, "during", "x") // Commit reported that the change may or may not have happened
	must(t, s.Close())
	verifyMemory(t, system)
}
