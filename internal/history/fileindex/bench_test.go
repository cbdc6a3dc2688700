package fileindex_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/fileindex"
)

// cpu is how much processor time this process has used.
func cpu() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// fill writes the records of creates of n/2 secrets under as many names as callers
// of a company use: each name is created, and changed now and then.
func fill(b *testing.B, w *trail, n int) {
	b.Helper()
	const names = 2_000
	for at := 0; at < n/2; at += 500 {
		batch := make([]audit.Record, 0, 1000)
		for i := at; i < min(at+500, n/2); i++ {
			name := fmt.Sprintf("TEAM_%d_SECRET_%d", i%20, i%names)
			if n > 100_000 {
				name = fmt.Sprintf("TEAM_%d_SECRET_%d", i%20, i%(100*names))
			}
			r := audit.Record{
				Caller: fmt.Sprint("team-ci-", i%20), Tenant: fmt.Sprint("team", i%20), Method: "/secretsstore.v1.SecretsStoreService/CreateSecrets", Action: "secret.create",
				Account: "production", Store: audit.Store{ID: fmt.Sprintf("%032x", i%20), Name: fmt.Sprint("store", i%20)},
				Secrets: []audit.Secret{{Name: name}}, SecretCount: 1, RequestID: fmt.Sprintf("%032x", i), Protocol: "rest", Peer: "10.1.2.3:40000",
				Decision: audit.Decision{Allowed: true, Rule: "teams-own-their-store"},
			}
			id := fmt.Sprintf("%032x", i*7919)
			intent, outcome := r, r
			intent.Kind, intent.ID, intent.Credential = audit.KindIntent, id, audit.CredentialAPIKey
			outcome.Kind, outcome.ID, outcome.Credential, outcome.Outcome, outcome.Code = audit.KindOutcome, id, audit.CredentialAPIKey, audit.Succeeded, "OK"
			outcome.Secrets = []audit.Secret{{ID: fmt.Sprintf("%032x", i), Name: name}}
			outcome.Rays = []string{"ae5572aeca1f7a2a-FRA"}
			batch = append(batch, intent, outcome)
		}
		w.Write(b, batch...)
	}
}

// measured is a trail for benchmarks of pages.
type measured struct {
	records int
	reader  history.Reader
	took    []time.Duration
	// costs are the costs of building the index: milliseconds, CPU microseconds per change, and the size of
	// the index in percent of the trail.
	costs map[string]float64
}

// prepare writes a trail and builds its index.
func prepare(b *testing.B, n int) *measured {
	b.Helper()
	w := newTrail(b)
	fill(b, w, n)
	began, used := time.Now(), cpu()
	x := fileindex.New(fileindex.Config{Path: w.path, Folder: w.folder()})
	b.Cleanup(func() { _ = x.Close() })
	if err := x.Build(b.Context()); err != nil {
		b.Fatal(err)
	}
	return &measured{records: n, reader: history.Reader{Index: x}, costs: map[string]float64{
		"build-ms":      time.Since(began).Seconds() * 1000,
		"cpu-µs/change": float64((cpu() - used).Nanoseconds()) / float64(n/2) / 1000,
		"size-%":        float64(size(b, w.folder())) / float64(size(b, filepath.Dir(w.path))) * 100,
	}}
}

// page reads a page by secret.
func (m *measured) page(b *testing.B, i int) {
	b.Helper()
	at := time.Now()
	p, err := m.reader.Read(b.Context(), history.Request{Filter: history.Filter{Secret: fmt.Sprintf("TEAM_%d_SECRET_%d", i%20, i%2_000)}, Size: 50})
	if err != nil || len(p.Changes) == 0 {
		b.Fatal(len(p.Changes), err)
	}
	m.took = append(m.took, time.Since(at))
}

// BenchmarkPage reads pages by secret from trails of 10,000 and 1,000,000 records alternately, so that both
// see the same machine load. It also reports the cost of the index.
func BenchmarkPage(b *testing.B) {
	small, large := prepare(b, 10_000), prepare(b, 1_000_000)
	i := 0
	for b.Loop() {
		i++
		small.page(b, i)
		large.page(b, i)
	}
	var p99 []float64
	for _, m := range []*measured{small, large} {
		slices.Sort(m.took)
		p99 = append(p99, float64(m.took[len(m.took)*99/100].Microseconds()))
		b.ReportMetric(float64(m.took[len(m.took)/2].Microseconds()), fmt.Sprintf("p50-µs-of-%d", m.records))
		b.ReportMetric(p99[len(p99)-1], fmt.Sprintf("p99-µs-of-%d", m.records))
	}
	b.ReportMetric(p99[1]/p99[0], "p99-ratio")
	for unit, cost := range large.costs {
		b.ReportMetric(cost, unit)
	}
}

func size(b *testing.B, folder string) (n int64) {
	b.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !e.IsDir() {
			n += info.Size()
		}
	}
	return n
}
