package file_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/disk/disktest"
)

// segments lists the segments of a log.
func segments(t *testing.T, system *disktest.FS) (all []string) {
	t.Helper()
	names, err := system.Names(memFolder)
	must(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "wal-") {
			all = append(all, name)
		}
	}
	return all
}

// TestSegmentsGoWhenTheirAnswersHaveExpired works for a simulated day.
func TestSegmentsGoWhenTheirAnswersHaveExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := memory()
		s := open(t, onMemory(system))
		must(t, put(t, s, "stays", "forever", time.Time{}))
		most := 0
		for i := range 24 * 60 {
			must(t, put(t, s, fmt.Sprint("answer ", i), strings.Repeat("x", 300), time.Now().Add(2*time.Hour)))
			must(t, put(t, s, "counter", fmt.Sprint(i), time.Time{}))
			time.Sleep(time.Minute)
			want(t, s, fmt.Sprint("answer ", max(0, i-110)), strings.Repeat("x", 300))
			most = max(most, len(segments(t, system)))
			if i%300 == 299 {
				left := system.Kill()
				must(t, s.Close())
				if i%600 == 599 {
					left = system.Kill()
				}
				system = left
				s = open(t, onMemory(system))
			}
		}
		if most > 30 {
			t.Errorf("there were %d segments", most)
		}
		want(t, s, "stays", "forever")
		want(t, s, "counter", "1439")
		want(t, s, "answer 1000", "")
		must(t, s.Close())
		verifyMemory(t, system)
	})
}

func TestAFullLogRefusesAndForgetsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := memory()
		c := onMemory(system)
		c.MaxSize = 100 << 10
		s := open(t, c)
		var kept []string
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			key := fmt.Sprint("answer ", i)
			if err = put(t, s, key, strings.Repeat("x", 300), time.Now().Add(time.Hour)); err == nil {
				kept = append(kept, key)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if f := fault.From(err); f.Reason != "STATE_FULL" || f.Kind != fault.Unavailable || len(kept) < 50 {
			t.Fatalf("after %d answers: %v", len(kept), err)
		}
		if err := s.Healthy(t.Context()); err == nil {
			t.Error("a full store says that it is healthy")
		}
		for _, key := range kept {
			want(t, s, key, strings.Repeat("x", 300))
		}
		if size := len(segments(t, system)) * 16 << 10; size > int(c.MaxSize)+16<<10 {
			t.Errorf("the log has %d bytes", size)
		}
		time.Sleep(2 * time.Hour)
		must(t, put(t, s, "again", "x", time.Time{}))
		must(t, s.Close())
		s = open(t, c)
		want(t, s, "again", "x")
		must(t, s.Close())
		verifyMemory(t, system)
	})
}

func TestATrailThatStaysBehindFillsTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := memory()
		s := open(t, onMemory(system))
		system.Set(func(op, name string) error {
			if op == "sync" && strings.HasPrefix(name, "audit.log") {
				return syscall.EIO
			}
			return nil
		})
		must(t, put(t, s, "first", "x", time.Time{}))
		commit := func(i int) error {
			time.Sleep(100 * time.Millisecond)
			return s.Commit(t.Context(), []string{"key"}, func(map[string]store.Record) (store.Changes, error) {
				return store.Changes{Records: map[string]*store.Record{"key": {Value: fmt.Appendf(nil, "%01000d", i)}}}, nil
			})
		}
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			err = commit(i)
		}
		if f := fault.From(err); f.Reason != "STATE_FULL" || !strings.Contains(err.Error(), "audit trail") {
			t.Fatalf("got %v", err)
		}
		system.Set(nil)
		time.Sleep(3 * time.Second)
		must(t, commit(0))
		// Commits without lines fill no log.
		for i := range 1000 {
			must(t, commit(i))
		}
		if n := len(segments(t, system)); n > 6 {
			t.Errorf("there are %d segments", n)
		}
		must(t, s.Close())
		verifyMemory(t, system)
	})
}

func TestADamagedIndexIsMadeAgainAndADamagedSnapshotIsNoticed(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"index-", "snapshot-"} {
		for _, how := range []string{"damaged", "gone", "empty"} {
			t.Run(prefix+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					system := memory()
					s := open(t, onMemory(system))
					for i := range 200 {
						must(t, put(t, s, fmt.Sprint("answer ", i%150), strings.Repeat("x", i+100), time.Now().Add(time.Hour)))
						must(t, put(t, s, fmt.Sprint("record ", i%70), fmt.Sprint(i), time.Time{}))
						if i%10 == 0 {
							time.Sleep(time.Second)
						}
					}
					must(t, put(t, s, "answer 7", "now lasting", time.Time{}))
					time.Sleep(3 * time.Second)
					must(t, s.Close())
					names, err := system.Names(memFolder)
					must(t, err)
					for _, name := range names {
						if strings.HasPrefix(name, prefix) {
							hurt(t, system, memFolder+"/"+name, how)
						}
					}
					s = open(t, onMemory(system))
					for i := range 150 {
						last := i
						if i < 50 {
							last = i + 150
						}
						if i != 7 {
							want(t, s, fmt.Sprint("answer ", i), strings.Repeat("x", last+100))
						}
					}
					want(t, s, "answer 7", "now lasting")
					want(t, s, "record 3", "143")
					must(t, s.Close())
				})
			})
		}
	}
}

func hurt(t *testing.T, system *disktest.FS, path, how string) {
	t.Helper()
	switch how {
	case "gone":
		must(t, system.Remove(path))
	case "empty":
		system.Write(path, nil)
	case "damaged":
		text := system.Read(path)
		text[len(text)/2] ^= 1
		system.Write(path, text)
	}
}
