package file_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
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
	c := file.Config{Folder: memFolder, FS: system, Trail: file.TrailConfig{Path: memTrail, RotateSize: 6 << 10}}
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

func TestAKillOrALossOfPowerAtAnyMomentLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	total := 0
	synctest.Test(t, func(t *testing.T) {
		system := memory()
		lives(t, system, newWork(), func() bool { return false })
		total = system.Ops()
		verifyMemory(t, system)
	})
	for at := 1; at <= total; at += 1 + total/crashes {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) { powerLoss(t, at, seed, at%2 == 0) })
		if t.Failed() {
			t.Fatalf("it ended at operation %d of %d, with seed %d", at, total, seed)
		}
	}
}

// lives opens and uses the store twice.
func lives(t *testing.T, system *disktest.FS, w *work, stop func() bool) {
	t.Helper()
	for life := range 2 {
		s, err := file.Open(t.Context(), onMemory(system))
		if err != nil {
			if !stop() {
				t.Errorf("life %d: %v", life, err)
			}
			return
		}
		w.run(t, s, life, stop)
		time.Sleep(time.Duration(life) * 2 * time.Second)
		if err := s.Close(); err != nil && !stop() {
			t.Errorf("life %d: %v", life, err)
		}
	}
}

// powerLoss runs a workload, optionally with a concurrent move of the audit file, until the power
// fails at an operation.
func powerLoss(t *testing.T, at int, seed uint64, moves bool) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	system := memory()
	var mu sync.Mutex
	var left *disktest.FS
	gone := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return left != nil
	}
	ops := 0
	system.Set(func(string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if ops++; ops == at {
			if left = system.Kill(); seed%3 != 0 {
				left = system.Crash(random)
			}
		}
		if left != nil {
			return errPower
		}
		return nil
	})
	w := newWork()
	if moves {
		moved := 0
		w.half = func() {
			moved++
			_ = system.Rename(memTrail, fmt.Sprint(memTrail, ".kept-", moved)) // unless the power is gone
			_ = system.SyncDir("/disk")
		}
	}
	lives(t, system, w, gone)
	if left == nil {
		return // the order of goroutines differs between runs
	}
	s, err := file.Open(t.Context(), onMemory(left))
	if err != nil {
		t.Fatal(err)
	}
	if !moves {
		w.check(t, s) // check searches for lines under the file names that the store assigned
	}
	must(t, put(t, s, "after", "x", time.Time{}))
	must(t, s.Close())
	found := linesIn(t, left)
	for _, id := range w.lines {
		if !found[id] {
			t.Errorf("the line of %s, which was acknowledged, is in no file", id)
		}
	}
	if killed := seed%3 == 0; killed || !moves {
		verifyMemory(t, left) // a moved file may have a partial line at its end, and its path is unknown
	}
}

// faultAt fails the n-th to the last of some operations with an error, once the
// store is open.
type faultAt struct {
	op          string
	first, last int
	err         error
	mu          sync.Mutex
	seen        int
	armed       bool
}

func (f *faultAt) rule(op, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed || op != f.op {
		return nil
	}
	if f.seen++; f.first <= f.seen && f.seen <= f.last {
		return f.err
	}
	return nil
}

func (f *faultAt) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen >= f.first
}

func TestAFailingDiskLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		op   string
		err  error
		many int
	}{
		{"a write fails", "write", syscall.EIO, 1},
		{"a write stops in its middle", "write", disktest.ErrHalf, 1},
		{"the disk is full for a while", "write", disktest.ErrHalf, 9},
		{"a sync fails", "sync", syscall.EIO, 1},
		{"some syncs fail", "sync", syscall.EIO, 7},
		{"a folder cannot be synced", "syncdir", syscall.EIO, 2},
		{"a file cannot be opened", "open", syscall.EMFILE, 3},
		{"a file cannot be given a name", "rename", syscall.EACCES, 2},
		{"a file cannot be read", "read", syscall.EIO, 2},
		{"a file cannot be looked at", "stat", syscall.EIO, 2},
		{"a file cannot be cut", "truncate", syscall.EIO, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n, more := 1, true; more; n++ {
				synctest.Test(t, func(t *testing.T) {
					f := &faultAt{op: c.op, first: n, last: n + c.many - 1, err: c.err}
					failing(t, f)
					more = f.hit()
				})
				if t.Failed() {
					t.Fatalf("it was the %d. operation", n)
				}
			}
		})
	}
}

// failing works with a disk that fails for a while, and lets the power go at the
// end.
func failing(t *testing.T, f *faultAt) {
	t.Helper()
	system, w := memory(), newWork()
	s, err := file.Open(t.Context(), onMemory(system))
	must(t, err)
	f.armed = true
	system.Set(f.rule)
	began := time.Now()
	w.run(t, s, 0, func() bool { return time.Since(began) > time.Minute })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the store took %v to work again", took)
	}
	system.Set(nil)
	healthy := s.Healthy(t.Context())
	left := system.Crash(rand.New(rand.NewPCG(rand.Uint64(), 1)))
	must(t, errors.Join(s.Close(), healthy))
	verifyMemory(t, system)
	s, err = file.Open(t.Context(), onMemory(left))
	must(t, err)
	defer func() {
		must(t, s.Close())
		verifyMemory(t, left)
	}()
	w.check(t, s)
}
