package file_test

import (
	"bytes"
	"cmp"
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
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/disk/disktest"
	"platform.internal/storekeeper/internal/store/file"
)

// errPower is the error of every operation after the power loss.
var errPower = errors.New("the power is gone")

const (
	memFolder = "/disk/state"
	memTrail  = "/disk/audit.log"
)

func memory() *disktest.FS { return disktest.New("/disk") }

func onMemory(system *disktest.FS) file.Config {
	c := file.Config{Folder: memFolder, FS: system, Trail: file.TrailConfig{Path: memTrail, RotateSize: 6 << 10}, MaxWait: patient}
	return file.WithSegments(c, 16<<10)
}

// work records the commits of some writers.
type work struct {
	mu sync.Mutex
	// half, unless nil, is called in the middle of the work.
	half func()
	// acked is the last acknowledged value of each key. tried is a later value that may or may not
	// be stored.
	acked, tried map[string]string
	lines        []string
	doubtful     map[string]bool
}

func newWork() *work {
	return &work{acked: map[string]string{}, tried: map[string]string{}, doubtful: map[string]bool{}}
}

// crashes is at about how many moments the power goes in a test.
const crashes = 300

const (
	writersOfWork = 3
	stepsOfWork   = 14
)

// run commits until each writer is done, or stop returns true.
func (w *work) run(t *testing.T, s store.Store, life int, stop func() bool) {
	t.Helper()
	var group sync.WaitGroup
	for writer := range writersOfWork {
		group.Go(func() {
			for step := range stepsOfWork {
				if w.half != nil && writer == 0 && step == stepsOfWork/2 {
					w.half()
				}
				for attempt := 0; ; attempt++ {
					if w.step(t, s, fmt.Sprintf("%d.%d.%d.%d", life, writer, step, attempt), writer, step) {
						break
					}
					if stop() {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
		})
	}
	group.Wait()
}

// step makes one commit: a record (sometimes with an expiry, sometimes deleted) and a line.
func (w *work) step(t *testing.T, s store.Store, id string, writer, step int) bool {
	key := fmt.Sprintf("%d/%d", writer, step%4)
	r := &store.Record{Value: []byte(id + strings.Repeat(".", 100))}
	value := string(r.Value)
	switch step % 7 {
	case 2, 5:
		r.Expires = time.Now().Add(time.Hour)
	case 6:
		r, value = nil, ""
	}
	w.mu.Lock()
	w.tried[key], w.doubtful[id] = value, true
	w.mu.Unlock()
	err := s.Commit(t.Context(), []string{key}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Records: map[string]*store.Record{key: r}, Lines: []audit.Record{{Kind: audit.KindIntent, ID: id}}}, nil
	})
	if err != nil {
		if fault.From(err).Kind != fault.Unavailable {
			t.Errorf("a commit that failed gave %v", err)
		}
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[key] = value
	w.lines = append(w.lines, id)
	delete(w.doubtful, id)
	delete(w.tried, key)
	return true
}

// check compares a reopened store with the acknowledged commits.
func (w *work) check(t *testing.T, s store.Store) {
	t.Helper()
	found := map[string]int{}
	err := s.Trail(t.Context(), 0, func(line []byte) error {
		var e struct{ ID string }
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if e.ID != "" {
			found[e.ID]++
		}
		return nil
	})
	must(t, err)
	for _, id := range w.lines {
		if found[id] != 1 {
			t.Errorf("the line of %s, which was acknowledged, is there %d times", id, found[id])
		}
		delete(found, id)
	}
	for id, n := range found {
		if !w.doubtful[id] || n != 1 {
			t.Errorf("the line of %s is there %d times", id, n)
		}
	}
	for writer := range writersOfWork {
		for i := range 4 {
			w.checkRecord(t, s, fmt.Sprintf("%d/%d", writer, i), found)
		}
	}
}

func (w *work) checkRecord(t *testing.T, s store.Store, key string, doubtful map[string]int) {
	t.Helper()
	records, err := s.Get(t.Context(), key)
	must(t, err)
	got := string(records[key].Value)
	if got == w.acked[key] {
		return
	}
	id, _, _ := strings.Cut(got, "....")
	tried, inFlight := w.tried[key]
	if !inFlight || got != "" && doubtful[id] != 1 || got == "" && tried != "" {
		t.Errorf("%s is %.20q; acknowledged was %.20q", key, got, w.acked[key])
	}
}

// linesIn are the identifiers of the lines in all files of a trail.
func linesIn(t *testing.T, system *disktest.FS) map[string]bool {
	t.Helper()
	names, err := system.Names("/disk")
	must(t, err)
	found := map[string]bool{}
	for _, name := range names {
		if !strings.HasPrefix(name, "audit.log") || strings.HasSuffix(name, ".head") {
			continue
		}
		for line := range bytes.Lines(system.Read("/disk/" + name)) {
			var e struct{ ID string }
			if json.Unmarshal(line, &e) == nil {
				found[e.ID] = true
			}
		}
	}
	return found
}

// verifyMemory holds the files of the trail against their chain.
func verifyMemory(t *testing.T, system *disktest.FS) {
	t.Helper()
	folder := t.TempDir()
	names, err := system.Names("/disk")
	must(t, err)
	first := map[string]uint64{}
	var files []string
	for _, name := range names {
		if !strings.HasPrefix(name, "audit.log") {
			continue
		}
		path, text := filepath.Join(folder, name), system.Read("/disk/"+name)
		must(t, os.WriteFile(path, text, 0o600))
		if line, _, whole := bytes.Cut(text, []byte("\n")); whole && name != "audit.log" && name != "audit.log.head" {
			at, _ := audit.PlaceOf(line)
			first[path] = at.Seq()
			files = append(files, path)
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(first[a], first[b]) })
	report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, append(files, filepath.Join(folder, "audit.log")), nil)
	must(t, err)
	if !report.Complete() {
		t.Errorf("the trail is not what was written: %v, missing %v", report.Problems, report.Missing)
	}
}
