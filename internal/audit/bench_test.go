package audit_test

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// usualIntent is a record as calls make it.
func usualIntent() audit.Record {
	return audit.Record{
		Kind: audit.KindIntent, Time: time.Now(), ID: "01jd2qk3v9xw8h5t7m6n4b1c0z", Caller: "system:serviceaccount:payments:deployer",
		Tenant: "payments", Credential: audit.CredentialJWT, Method: "/secretsstore.v1.SecretsStoreService/CreateSecrets",
		Action: "secrets.create", Account: "023e105f4ecef8ad9ca31a8372d0c353",
		Store:    audit.Store{ID: "0123456789abcdef0123456789abcdef"},
		Secrets:  []audit.Secret{{Name: "PAYMENTS_STRIPE_KEY"}},
		Decision: audit.Decision{Allowed: true, Rule: "payments-own-prefix", ID: "01jd2qk3v9"}, RequestID: "01jd2qk3v9xw8h5t7m6n4b1c0z",
		Protocol: "rest", Peer: "10.1.2.3:51234",
	}
}

// BenchmarkAppend shows what durability costs and how it is shared: system
// "disk" syncs for real, "none" leaves the syncs out.
func BenchmarkAppend(b *testing.B) {
	systems := map[string]func() audit.FS{"disk": audit.OS, "none": func() audit.FS { return unsynced{audit.OS()} }}
	for name, system := range systems {
		for _, callers := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, callers), func(b *testing.B) {
				j, err := audit.OpenFile(b.Context(), audit.FileConfig{Path: filepath.Join(b.TempDir(), "audit.log"), FS: system(), Key: key})
				if err != nil {
					b.Fatal(err)
				}
				appendAll(b, j, callers)
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkLog is what a change costs: its intent and its outcome.
func BenchmarkLog(b *testing.B) {
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j, err := audit.OpenFile(b.Context(), audit.FileConfig{Path: filepath.Join(b.TempDir(), "audit.log"), Key: key})
			if err != nil {
				b.Fatal(err)
			}
			l, err := audit.NewLog(audit.LogConfig{Sink: j})
			if err != nil {
				b.Fatal(err)
			}
			share(b, callers, func(ctx context.Context) error {
				r := usualIntent()
				if err := l.Intent(ctx, r); err != nil {
					return err
				}
				r.Outcome = audit.Succeeded
				l.Outcome(ctx, r)
				return nil
			})
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func appendAll(b *testing.B, j *audit.Journal, callers int) {
	b.Helper()
	record := usualIntent()
	share(b, callers, func(ctx context.Context) error { return j.Append(ctx, record) })
}

// share lets callers make b.N calls. Since they mostly wait for the disk, it
// reports what a call costs of the processor beside the time it takes.
func share(b *testing.B, callers int, call func(context.Context) error) {
	b.Helper()
	calls, ended := make(chan struct{}, b.N), make(chan error, callers)
	for range b.N {
		calls <- struct{}{}
	}
	close(calls)
	// As with a server, each caller has a context that can end.
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	b.ResetTimer()
	before := spent(b)
	for range callers {
		go func() {
			var err error
			for range calls {
				if failed := call(ctx); failed != nil {
					err = failed
				}
			}
			ended <- err
		}()
	}
	for range callers {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64((spent(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// spent is how much of the processor this process has used.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// unsynced is the real file system without its syncs.
type unsynced struct{ audit.FS }

func (u unsynced) OpenFile(path string, flag int, mode fs.FileMode) (audit.File, error) {
	f, err := u.FS.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ audit.File }

func (unsyncedFile) Sync() error     { return nil }
func (unsyncedFile) SyncData() error { return nil }

func BenchmarkVerify(b *testing.B) {
	p := filepath.Join(b.TempDir(), "audit.log")
	j, err := audit.OpenFile(b.Context(), audit.FileConfig{Path: p, Key: key})
	if err != nil {
		b.Fatal(err)
	}
	const records = 10_000
	batch := make([]audit.Record, 100)
	for i := range batch {
		batch[i] = usualIntent()
	}
	for range records / len(batch) {
		if err := j.Append(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r, err := audit.Verify(b.Context(), p, key); err != nil || !r.OK() {
			b.Fatal(r.Problems, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}
