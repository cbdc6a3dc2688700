package file_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/disk/disktest"
)

// snapshots lists the snapshots of a store, oldest first.
func snapshots(t *testing.T, system *disktest.FS) (all []string) {
	t.Helper()
	names, err := system.Names(memFolder)
	must(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "snapshot-") {
			all = append(all, memFolder+"/"+name)
		}
	}
	return all
}

const manyLasting = 600

// changing makes a store with many records without an expiry, of which few change from then on: one
// in three is deleted.
func changing(t *testing.T) *disktest.FS {
	t.Helper()
	system := memory()
	s := open(t, onMemory(system))
	for i := range manyLasting {
		must(t, put(t, s, fmt.Sprint("record ", i), strings.Repeat("x", 300), time.Time{}))
		must(t, put(t, s, fmt.Sprint("answer ", i), "", time.Now().Add(time.Hour)))
		time.Sleep(20 * time.Millisecond) // segments this small are soon full of lines that wait for a sync
	}
	time.Sleep(time.Second)
	for i := range 90 {
		key := fmt.Sprint("record ", i)
		r := &store.Record{Value: []byte("changed")}
		if i%3 == 0 {
			r = nil
		}
		must(t, s.Commit(t.Context(), []string{key, "answer"}, func(map[string]store.Record) (store.Changes, error) {
			return store.Changes{Records: map[string]*store.Record{key: r, "answer": {Value: []byte(strings.Repeat("a", 1500)), Expires: time.Now().Add(time.Hour)}}}, nil
		}))
		time.Sleep(time.Second)
	}
	must(t, s.Close())
	return system
}

func wantChanged(t *testing.T, s store.Store) {
	t.Helper()
	seen := 0
	must(t, s.Scan(t.Context(), "record ", func(string, store.Record) error { seen++; return nil }))
	if seen != manyLasting-30 {
		t.Errorf("there are %d records", seen)
	}
	for i := range manyLasting {
		value := strings.Repeat("x", 300)
		if i < 90 {
			value = "changed"
		}
		if i < 90 && i%3 == 0 {
			value = ""
		}
		want(t, s, fmt.Sprint("record ", i), value)
	}
}

// TestASnapshotIsAsLargeAsTheChanges fails if each segment rewrites all records.
func TestASnapshotIsAsLargeAsTheChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := changing(t)
		all := snapshots(t, system)
		if len(all) < 2 || len(all) > 34 {
			t.Fatalf("there are the snapshots %v", all)
		}
		if first := len(system.Read(all[0])); first < manyLasting*200 {
			t.Errorf("the first snapshot has %d bytes", first)
		}
		for _, name := range all[1:] {
			if size := len(system.Read(name)); size > 8000 {
				t.Errorf("%s has %d bytes", name, size)
			}
		}
		s := open(t, onMemory(system))
		wantChanged(t, s)
		must(t, s.Close())
	})
}

// TestADamagedSnapshotIsReplacedByTheLog damages each of the snapshots that the newest snapshot
// consists of. The segments still exist.
func TestADamagedSnapshotIsReplacedByTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		system := changing(t)
		for _, name := range snapshots(t, system) {
			for _, how := range []string{"damaged", "gone", "empty"} {
				left := system.Kill()
				hurt(t, left, name, how)
				s := open(t, onMemory(left))
				wantChanged(t, s)
				must(t, s.Close())
			}
		}
	})
}
