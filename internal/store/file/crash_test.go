package file_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/store/disk/disktest"
	"platform.internal/storekeeper/internal/store/file"
)

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
