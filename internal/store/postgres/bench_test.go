package postgres_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// BenchmarkCommit has writers that each change a separate record and append an audit line, over one
// replica and over three.
func BenchmarkCommit(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		for _, writers := range []int{1, 32, 128} {
			b.Run(fmt.Sprintf("replicas=%d/writers=%d", replicas, writers), func(b *testing.B) {
				server := postgrestest.Start(b)
				stores := make([]*postgres.Store, replicas)
				for i := range stores {
					stores[i] = open(b, config(server, postgrestest.Superuser))
				}
				commitAll(b, stores, writers)
			})
		}
	}
}

func commitAll(b *testing.B, stores []*postgres.Store, writers int) {
	b.Helper()
	value := make([]byte, 256)
	var left, failed atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	b.ResetTimer()
	for writer := range writers {
		s, key := stores[writer%len(stores)], fmt.Sprint("writer/", writer)
		group.Go(func() {
			for left.Add(-1) >= 0 {
				err := s.Commit(b.Context(), []string{key}, func(map[string]store.Record) (store.Changes, error) {
					return store.Changes{
						Records: map[string]*store.Record{key: {Value: value}},
						Lines: []audit.Record{{
							Kind: audit.KindIntent, Time: time.Now(), ID: key, Caller: "bench", Tenant: "bench",
							Method: "CreateSecret", Action: "create", RequestID: key,
						}},
					}, nil
				})
				if err != nil {
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	if n := failed.Load(); n > 0 {
		b.Errorf("%d commits failed", n)
	}
}
