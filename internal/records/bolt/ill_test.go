package bolt_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
	"platform.internal/storekeeper/internal/records/journal"
)

// illFile is a file whose syncs can fail, after which what was written is there
// all the same.
type illFile struct {
	journal.File

	ill *atomic.Bool
}

func (f illFile) Sync() error {
	if f.ill.Load() {
		return errors.New("the disk of the test is ill")
	}
	return f.File.Sync()
}

func openIll(t *testing.T, file string, ill *atomic.Bool) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(bolt.Config{File: file, Journal: func(path string) (journal.File, error) {
		f, err := journal.OpenFile(path)
		return illFile{File: f, ill: ill}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestWhatCouldNotBeSyncedDoesNotComeBack has a change fail whose frame is on
// the disk all the same, and looks at what a crash leaves then.
func TestWhatCouldNotBeSyncedDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(t *testing.T, s *bolt.Store){
		"once another change succeeds": func(t *testing.T, s *bolt.Store) { set(t, s, "other", "x", time.Time{}) },
		"a while after it is well":     func(*testing.T, *bolt.Store) { time.Sleep(1500 * time.Millisecond) },
	} {
		for before := range 2 {
			t.Run(fmt.Sprint(name, " with ", before, " before"), func(t *testing.T) {
				file, crashed := filepath.Join(t.TempDir(), "records"), filepath.Join(t.TempDir(), "records")
				synctest.Test(t, func(t *testing.T) {
					s, heal := failOnce(t, file, before)
					heal()
					then(t, s)
					synctest.Wait()
					crashAt(t, file, crashed)
				})
				found, err := open(t, crashed).Get(t.Context(), "failed")
				if err != nil || len(found) > 0 {
					t.Errorf("%q came back: %v", found, err)
				}
			})
		}
	}
}

// failOnce makes a few changes and one that fails.
func failOnce(t *testing.T, file string, before int) (s *bolt.Store, heal func()) {
	t.Helper()
	var ill atomic.Bool
	s = openIll(t, file, &ill)
	for i := range before {
		set(t, s, fmt.Sprint(i), "x", time.Time{})
	}
	ill.Store(true)
	for range 3 {
		err := s.Change(t.Context(), []string{"failed"}, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
			if len(now) > 0 {
				t.Error("what failed is seen")
			}
			return map[string]*records.Entry{"failed": {Value: []byte("x")}}, nil
		})
		if fault.From(err).Reason != "STATE_UNAVAILABLE" {
			t.Errorf("got %v from an ill disk", err)
		}
	}
	if found, err := s.Get(t.Context(), "failed"); err != nil || len(found) > 0 {
		t.Errorf("%q is there: %v", found, err)
	}
	time.Sleep(3 * time.Second)
	return s, func() { ill.Store(false) }
}
