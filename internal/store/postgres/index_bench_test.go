package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// BenchmarkPage reads pages by secret from trails of 10,000 and of 1,000,000
// records, and prints how long the index took.
func BenchmarkPage(b *testing.B) {
	server := postgrestest.Start(b)
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := config(server, postgrestest.Superuser)
			c.Schema = fmt.Sprint("page", n)
			s := open(b, c)
			began := time.Now()
			for at := 0; at < n/2; at += 500 {
				lines := make([]audit.Record, 0, 1000)
				for i := at; i < at+500; i++ {
					r := audit.Record{
						Kind: audit.KindIntent, ID: fmt.Sprintf("%032x", i), Caller: fmt.Sprint("team-ci-", i%20), Tenant: fmt.Sprint("team", i%20), Action: "secret.create",
						Store: audit.Store{ID: fmt.Sprintf("%032x", i%20)}, Secrets: []audit.Secret{{Name: fmt.Sprint("SECRET_", i%(n/5))}}, RequestID: fmt.Sprintf("%032x", i),
					}
					outcome := r
					outcome.Kind, outcome.Outcome = audit.KindOutcome, audit.Succeeded
					outcome.Secrets = []audit.Secret{{ID: fmt.Sprintf("%032x", i), Name: r.Secrets[0].Name}}
					lines = append(lines, r, outcome)
				}
				err := s.Commit(context.Background(), nil, func(map[string]store.Record) (store.Changes, error) { return store.Changes{Lines: lines}, nil })
				if err != nil {
					b.Fatal(err)
				}
			}
			written := time.Since(began)
			for s.CatchUp(context.Background()) != nil {
				b.Log("the index goes on")
			}
			indexed := time.Since(began)
			r := history.Reader{Index: s}
			var took []time.Duration
			i := 0
			for b.Loop() {
				i++
				at := time.Now()
				p, err := r.Read(context.Background(), history.Request{Filter: history.Filter{Secret: fmt.Sprint("SECRET_", i*7919%(n/5))}, Size: 50})
				if err != nil || len(p.Changes) == 0 {
					b.Fatal(len(p.Changes), err)
				}
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(written.Seconds(), "written-s")
			b.ReportMetric(indexed.Seconds(), "indexed-s")
		})
	}
}
