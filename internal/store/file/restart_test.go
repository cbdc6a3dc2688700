package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
)

// place is a folder with a state and a trail.
type place struct{ folder, trail string }

func newPlace(t *testing.T) place {
	t.Helper()
	folder := t.TempDir()
	return place{filepath.Join(folder, "state"), filepath.Join(folder, "audit.log")}
}

// patient is the MaxWait of tests that expect each commit to succeed: a sync on the disk of a busy
// machine can take longer than the default.
const patient = time.Minute

func (p place) config() file.Config {
	return file.Config{Folder: p.folder, Trail: file.TrailConfig{Path: p.trail}, MaxWait: patient}
}

func open(t *testing.T, c file.Config) *file.Store {
	t.Helper()
	s, err := file.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put commits a record and a line.
func put(t *testing.T, s store.Store, key, value string, expires time.Time) error {
	t.Helper()
	return s.Commit(t.Context(), []string{key}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{
			Records: map[string]*store.Record{key: {Value: []byte(value), Expires: expires}},
			Lines:   []audit.Record{{Kind: audit.KindIntent, ID: key}},
		}, nil
	})
}

func want(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	found, err := s.Get(t.Context(), key)
	if err != nil || string(found[key].Value) != value {
		t.Fatalf("%s is %q, %v; want %q", key, found[key].Value, err, value)
	}
}

func verify(t *testing.T, files ...string) audit.Report {
	t.Helper()
	report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, files, nil)
	must(t, err)
	if !report.OK() {
		t.Fatalf("the trail is not what was written: %v", report.Problems)
	}
	return report
}

func TestAStoreIsWhatItWasAfterARestart(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for life := range 4 {
		s := open(t, p.config())
		for i := range life * 10 {
			expires := time.Time{}
			if i%2 == 1 {
				expires = time.Now().Add(time.Hour)
			}
			want(t, s, strconv.Itoa(i), fmt.Sprint("value of ", life-1))
			must(t, put(t, s, strconv.Itoa(i), fmt.Sprint("value of ", life), expires))
		}
		for i := life * 10; i < (life+1)*10; i++ {
			expires := time.Time{}
			if i%2 == 1 {
				expires = time.Now().Add(time.Hour)
			}
			must(t, put(t, s, strconv.Itoa(i), fmt.Sprint("value of ", life), expires))
		}
		must(t, s.Close())
		report := verify(t, p.trail)
		if want := uint64(life+1) + uint64(10*(life+1)*(life+2)/2); report.Last.Seq != want || report.Ahead != 0 {
			t.Fatalf("life %d: the trail ends with %d, %d ahead of its head; want %d", life, report.Last.Seq, report.Ahead, want)
		}
	}
	if info, err := os.Stat(p.folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
}
