package idempotency_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/store/file"
)

// fileLife starts a keeper on a store in a folder.
func fileLife(t testing.TB, folder string, w *world, name string) (r *idempotency.Coordinator, end func()) {
	t.Helper()
	s, err := file.Open(t.Context(), file.Config{
		Folder: filepath.Join(folder, "state"), Trail: file.TrailConfig{Path: filepath.Join(folder, "audit.log")},
		MaxWait: time.Minute, // the disk of a busy machine is slow
	})
	if err != nil {
		t.Fatal(err)
	}
	k, err := idempotency.New(idempotency.Config{
		Store: s, Replica: name, Alone: true, Pepper: make([]byte, 32), Recover: w.recover,
	})
	if err != nil {
		t.Fatal(err)
	}
	k.Start(t.Context())
	return k, func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = k.Close(ctx)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAFolderOutlivesItsProcess(t *testing.T) {
	folder, w := t.TempDir(), newWorld()
	done := on(keyed("canary-done", "canary-value"), "o")
	half := on(keyed("canary-half", "canary-value"), "p")
	act := func(_ context.Context, op *idempotency.Operation) ([]byte, error) { return w.act(op, "a"), nil }

	first, end := fileLife(t, folder, w, "first")
	if a, err := first.Do(t.Context(), new(done), act); err != nil || string(a.Body) != "a number 1" {
		t.Fatalf("%q, %v", a.Body, err)
	}
	executed, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		_, _ = first.Do(t.Context(), new(half), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			w.act(op, "b")
			close(executed)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}()
	<-executed
	end()
	<-left

	second, end := fileLife(t, folder, w, "second")
	defer end()
	for call, want := range map[*idempotency.Call]string{&done: "a number 1", &half: "b number 1"} {
		if a, err := second.Do(t.Context(), new(*call), act); err != nil || string(a.Body) != want || !a.Replayed {
			t.Errorf("%q, replayed %t, %v", a.Body, a.Replayed, err)
		}
	}
	if n, err := second.Open(t.Context()); n != 0 || err != nil {
		t.Errorf("%d open, %v", n, err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "state", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, text...)
	}
	if bytes.Contains(raw, []byte("canary")) || !bytes.Contains(raw, []byte("/Create")) {
		t.Error("the folder holds a key or a value, or the search finds nothing at all")
	}
}

func BenchmarkDo(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			k, end := fileLife(b, b.TempDir(), newWorld(), "bench")
			defer end()
			var n atomic.Int64
			payload, answer := make([]byte, 1024), make([]byte, 512)
			b.SetParallelism(callers)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					name := fmt.Sprint(n.Add(1))
					c := on(keyed(name, name), "object "+name)
					c.Payload = payload
					_, err := k.Do(b.Context(), &c, func(context.Context, *idempotency.Operation) ([]byte, error) { return answer, nil })
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkReplay(b *testing.B) {
	k, end := fileLife(b, b.TempDir(), newWorld(), "bench")
	defer end()
	answer := make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		_, err := k.Do(b.Context(), new(keyed("k", "a")), func(context.Context, *idempotency.Operation) ([]byte, error) { return answer, nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}
