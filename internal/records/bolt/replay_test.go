package bolt_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
	"platform.internal/storekeeper/internal/records/journal"
)

// labelSize is how many bytes of a journal's file stand before its frames.
const labelSize = 64

// turnover is more than the journal takes before it turns to its other file.
const turnover = 5 << 20

// image copies the files of a store as a crash would leave them now. Nothing
// may be under way.
func image(t *testing.T, file string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "records")
	crashAt(t, file, copied)
	return copied
}

// crashAt is image with a place to copy to.
func crashAt(t *testing.T, from, to string) {
	t.Helper()
	clone(t, from, to)
	for _, suffix := range journal.Suffixes() {
		clone(t, from+suffix, to+suffix)
	}
}

func clone(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(text))
}

// frames is how many pieces the journal holds that are not in the file.
func frames(t *testing.T, file string) int {
	t.Helper()
	file = image(t, file)
	c := journal.Config{Path: file}
	inside(t, file, func(tx *bbolt.Tx) {
		b := tx.Bucket([]byte("journal"))
		c.Key = bytes.Clone(b.Get([]byte("frames")))
		for _, digit := range b.Get([]byte("applied")) {
			c.Applied = c.Applied<<8 | uint64(digit)
		}
	})
	for _, suffix := range journal.Suffixes() {
		text, err := os.ReadFile(file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file+suffix, string(text[labelSize:]))
	}
	j, found, err := journal.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// TestBothFilesOfTheJournalAreReplayed opens what a crash leaves while the one
// file is put into the records file and the other one is written.
func TestBothFilesOfTheJournalAreReplayed(t *testing.T) {
	t.Parallel()
	file, early := filepath.Join(t.TempDir(), "records"), filepath.Join(t.TempDir(), "records")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, file)
		clone(t, file, early)
		set(t, s, "kept", "1", time.Time{})
		set(t, s, "changed", "1", time.Time{})
		set(t, s, "dropped", "1", time.Time{})
		set(t, s, "large", strings.Repeat("x", turnover), time.Time{})
		synctest.Wait()
		set(t, s, "changed", "2", time.Now().Add(time.Hour))
		if err := s.Change(t.Context(), []string{"dropped"}, drop("dropped")); err != nil {
			t.Fatal(err)
		}
		if n := frames(t, file); n != 2 {
			t.Fatalf("%d frames are not in the file, want those after the large one", n)
		}
		for _, suffix := range journal.Suffixes() {
			clone(t, file+suffix, early+suffix)
		}
		if info, err := os.Stat(file + ".journal-b"); err != nil || info.Size() == 0 || info.Size() > 1000 {
			t.Errorf("the other file was not begun: %v", err)
		}
	})
	// The bubble's time is not this one's.
	for _, file := range []string{early, file} {
		s := open(t, file)
		want(t, s, "kept", "1")
		found, err := s.Get(t.Context(), "dropped", "large")
		if err != nil || len(found) != 1 || len(found["large"].Value) != turnover {
			t.Errorf("%d found, %d bytes, %v", len(found), len(found["large"].Value), err)
		}
		if n := frames(t, file); n != 0 {
			t.Errorf("%d frames are not in the file after opening", n)
		}
	}
}

func drop(key string) records.Decide {
	return func(map[string]records.Entry) (map[string]*records.Entry, error) {
		return map[string]*records.Entry{key: nil}, nil
	}
}

func TestWhatTheJournalHoldsGoesIntoTheFile(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(t *testing.T, s *bolt.Store){
		"after a while":      func(*testing.T, *bolt.Store) { time.Sleep(2 * time.Second) },
		"when it is long":    func(t *testing.T, s *bolt.Store) { set(t, s, "large", strings.Repeat("x", turnover), time.Time{}) },
		"when it holds many": func(t *testing.T, s *bolt.Store) { setMany(t, s, 1100) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "records")
			synctest.Test(t, func(t *testing.T) {
				s := open(t, file)
				for i := range 10 {
					set(t, s, "a", fmt.Sprint(i), time.Time{})
				}
				if n := frames(t, file); n != 10 {
					t.Errorf("%d frames are not in the file at first, want 10", n)
				}
				do(t, s)
				synctest.Wait()
				if n := frames(t, file); n != 0 {
					t.Errorf("%d frames are not in the file", n)
				}
				want(t, s, "a", "9")
			})
		})
	}
}

func setMany(t *testing.T, s *bolt.Store, many int) {
	t.Helper()
	for from := 0; from < many; from += 100 {
		var keys []string
		changes := make(map[string]*records.Entry)
		for i := range 100 {
			keys = append(keys, fmt.Sprint("many/", from+i))
			changes[keys[i]] = &records.Entry{}
		}
		err := s.Change(t.Context(), keys, func(map[string]records.Entry) (map[string]*records.Entry, error) { return changes, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAClosedStoreLeavesTheJournalEmpty(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	s := open(t, file)
	set(t, s, "a", "1", time.Time{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range journal.Suffixes() {
		if info, err := os.Stat(file + suffix); err != nil || info.Size() != labelSize {
			t.Fatalf("%s is left with something: %v", suffix, err)
		}
	}
	want(t, open(t, file), "a", "1")
}

func TestALostPieceOfTheJournalStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(text []byte) []byte{
		"a changed byte": func(text []byte) []byte { text[labelSize+34]++; return text },
		"a piece taken out": func(text []byte) []byte {
			return append(text[:labelSize:labelSize], text[bytes.LastIndex(text, []byte("\xf5SKJ")):]...)
		},
		"the start overwritten": func(text []byte) []byte { clear(text[labelSize:][:20]); return text },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "records")
			kept := filepath.Join(t.TempDir(), "records")
			synctest.Test(t, func(t *testing.T) {
				s := open(t, file)
				set(t, s, "a", "1", time.Time{})
				set(t, s, "b", "1", time.Time{})
				crashAt(t, file, kept)
			})
			crashed := image(t, kept)
			text, err := os.ReadFile(crashed + ".journal-a")
			if err != nil {
				t.Fatal(err)
			}
			write(t, crashed+".journal-a", string(damage(text)))
			again, err := bolt.Open(bolt.Config{File: crashed})
			if err == nil {
				t.Fatal("it opened", again.Close())
			}
			for _, says := range []string{crashed, "journal", "acknowledged changes in it cannot be read"} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("got %q, want %q in it", err, says)
				}
			}
			// With the journal as it was, nothing is lost.
			clone(t, kept+".journal-a", crashed+".journal-a")
			want(t, open(t, crashed), "b", "1")
		})
	}
}

// TestReadsAreOfOneMoment reads what changes together, while it goes from the
// journal into the file.
func TestReadsAreOfOneMoment(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "records"))
	ballast := make([]byte, 256<<10)
	var group sync.WaitGroup
	var over atomic.Bool
	for range 2 {
		group.Go(func() {
			for last := ""; !over.Load(); {
				found, err := s.Get(t.Context(), "one", "two", "three")
				one, two := string(found["one"].Value), string(found["two"].Value)
				if err != nil || one != two || one < last {
					t.Errorf("got %q and %q after %q: %v", one, two, last, err)
					return
				}
				last = one
			}
		})
	}
	for i := range 150 {
		value := records.Entry{Value: fmt.Appendf(nil, "%03d", i)}
		keys := []string{"one", "two", "ballast"}
		err := s.Change(t.Context(), keys, func(map[string]records.Entry) (map[string]*records.Entry, error) {
			changes := map[string]*records.Entry{"one": &value, "two": &value, "ballast": {Value: ballast}}
			if i%2 > 0 {
				delete(changes, "ballast")
			}
			return changes, nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	over.Store(true)
	group.Wait()
}
