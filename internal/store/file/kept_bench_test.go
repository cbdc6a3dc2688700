package file_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
)

// keptStore is a store with kept answers, and with a record without an expiry for the object that
// each change made.
type keptStore struct {
	*file.Store

	c    file.Config
	next atomic.Int64
}

func newKept(b *testing.B, many int) *keptStore {
	b.Helper()
	folder := b.TempDir()
	k := &keptStore{c: file.Config{Folder: folder + "/state", Trail: file.TrailConfig{Path: folder + "/audit.log"}, MaxWait: patient}}
	k.open(b)
	const writers = 256
	k.run(b, writers, many)
	return k
}

func (k *keptStore) open(b *testing.B) {
	b.Helper()
	var err error
	if k.Store, err = file.Open(b.Context(), k.c); err != nil {
		b.Fatal(err)
	}
}

// run makes so many changes.
func (k *keptStore) run(b *testing.B, writers, changes int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(changes))
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := k.change(b, int(k.next.Add(1))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// change makes the two commits of a change: the intent, and the answer.
func (k *keptStore) change(b *testing.B, n int) error {
	b.Helper()
	id := fmt.Sprintf("%08x%024x", uint32(n)*2654435761, n)
	call, open, owner := "call/"+id, "open/"+id, "quota/object/023e105f4ecef8ad9ca31a8372d0c353//"+id
	tenant := fmt.Sprint("quota/count/", n%8)
	value := []byte(strings.Repeat("v", 400))
	commit := func(keys []string, records map[string]*store.Record) error {
		return k.Commit(b.Context(), keys, func(map[string]store.Record) (store.Changes, error) {
			return store.Changes{Records: records, Lines: []audit.Record{{Kind: audit.KindIntent, ID: id}}}, nil
		})
	}
	err := commit([]string{call, open, tenant}, map[string]*store.Record{call: {Value: value}, open: {Value: value}, tenant: {Value: value[:16]}})
	if err != nil {
		return err
	}
	return commit([]string{call, open, tenant, owner}, map[string]*store.Record{
		call: {Value: value, Expires: time.Now().Add(24 * time.Hour)}, open: nil, tenant: {Value: value[:16]}, owner: {Value: value[:30]},
	})
}

// BenchmarkChange makes changes with few and with many kept answers.
func BenchmarkChange(b *testing.B) {
	for _, many := range []int{0, 400_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			k := newKept(b, many)
			defer func() { _ = k.Close() }()
			b.ReportAllocs()
			began := cpu()
			b.ResetTimer()
			k.run(b, 32, b.N)
			b.StopTimer()
			b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
		})
	}
}

// BenchmarkStart starts with the answers that a day at 1,200 changes in 5 minutes leaves.
func BenchmarkStart(b *testing.B) {
	k := newKept(b, 350_000)
	if err := k.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		k.open(b)
		b.StopTimer()
		if err := k.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
