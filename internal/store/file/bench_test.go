package file_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
)

// cpu is how much processor time this process has used.
func cpu() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkCommit commits the data of a step of a change on a real disk: a record without an
// expiry, a record with an expiry, and a line of the trail.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 32, 256} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			folder := b.TempDir()
			s, err := file.Open(b.Context(), file.Config{Folder: folder + "/state", Trail: file.TrailConfig{Path: folder + "/audit.log"}})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			value := []byte(strings.Repeat("v", 300))
			line := audit.Record{
				Kind: audit.KindIntent, Caller: "payments-ci", Tenant: "payments", Method: "CreateSecret", Action: "secret.create",
				Account: "023e105f4ecef8ad9ca31a8372d0c353", Store: audit.Store{ID: "023e105f4ecef8ad9ca31a8372d0c354", Name: "default"},
				Secrets: []audit.Secret{{Name: "PAYMENTS_TOKEN"}}, RequestID: "3b241101-e2bb-4255-8caf-4136c566a962", Protocol: "rest", Peer: "10.1.2.3:40000",
			}
			var next atomic.Int64
			b.ReportAllocs()
			began := cpu()
			b.ResetTimer()
			var group sync.WaitGroup
			for range writers {
				group.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						r := line
						r.ID = fmt.Sprintf("%032x", n)
						intent, answer := "intent/"+r.ID, "answer/"+r.ID
						err := s.Commit(b.Context(), []string{intent, answer}, func(map[string]store.Record) (store.Changes, error) {
							return store.Changes{
								Records: map[string]*store.Record{answer: {Value: value, Expires: time.Now().Add(24 * time.Hour)}},
								Lines:   []audit.Record{r},
							}, nil
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
			b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
		})
	}
}
