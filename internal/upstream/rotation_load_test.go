package upstream_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/filewatch"
	"platform.internal/storekeeper/internal/upstream"
)

// load are callers that never stop.
type load struct {
	calls, changes atomic.Int64
	wg             sync.WaitGroup
}

func startLoad(ctx context.Context, r *rotation) *load {
	l := &load{}
	for i := range 16 {
		call, done := read, &l.calls
		if i%2 == 0 {
			call, done = create, &l.changes
		}
		l.wg.Go(func() { l.caller(ctx, r, call, done) })
	}
	return l
}

func (l *load) caller(ctx context.Context, r *rotation, call func(context.Context, *upstream.Client) error, done *atomic.Int64) {
	for ctx.Err() == nil {
		r.clock.move(100 * time.Millisecond)
		if err := call(within(r.t), r.client); err != nil {
			r.t.Error(err)
			return
		}
		done.Add(1)
		time.Sleep(time.Millisecond) // leaves the machine to the rotation
	}
}

// tear writes a file in place as an editor may: empty, half, whole.
func tear(t *testing.T, file, content string) {
	for _, part := range []string{"", content[:len(content)/2], content} {
		writeInSteps(t, file, part)
		time.Sleep(100 * time.Microsecond)
	}
}

// settled waits until the content of the file is in use, and counts the earlier complaints.
func (r *rotation) settled() (complaints int) {
	ctx := within(r.t)
	for {
		select {
		case e := <-r.events:
			if e.Err == nil {
				return complaints
			}
			complaints++
		case <-ctx.Done():
			r.t.Fatal("the new credential is not in use")
		}
	}
}

// 100 rotations, with each method of changing a file. The old credential is revoked when the new
// credential is written, or when it is first used.
func TestHundredRotationsUnderLoad(t *testing.T) {
	m := mount{t.TempDir()}
	m.swap(t, "000", first)
	files := filewatch.New(filewatch.Config{Interval: 2 * time.Millisecond, Debounce: 25 * time.Millisecond})
	r := rotateFrom(t, usersToken, m.file(), first, func(c *upstream.Config) { c.Files = files })
	ctx, stop := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	looking.Go(func() { files.Run(ctx) })
	defer looking.Wait()
	defer stop()
	l := startLoad(ctx, r)
	old, complaints := first, 0
	for i := range 100 {
		next := fmt.Sprintf("rotated-token-%03d", i)
		r.api.allow(next, []string{usersToken, accountsToken}[i%2])
		switch i % 3 {
		case 0:
			m.swap(t, fmt.Sprint(i+1), next)
		case 1:
			writeInSteps(t, m.file(), next)
		case 2:
			tear(t, m.file(), next)
		}
		if i%4 < 2 {
			r.api.revoke(old)
		}
		complaints += r.settled()
		r.api.revoke(old)
		old = next
	}
	stop()
	l.wg.Wait()
	if made := int64(r.api.made); made != l.changes.Load() {
		t.Errorf("Cloudflare made %d changes, and %d succeeded", made, l.changes.Load())
	}
	if l.calls.Load() < 100 || l.changes.Load() < 100 {
		t.Errorf("%d reads and %d changes are no load", l.calls.Load(), l.changes.Load())
	}
	// A machine that stalls may expose a partially written file, which is harmless.
	if complaints > 16 {
		t.Errorf("%d torn contents were taken for candidates", complaints)
	}
	t.Logf("%d reads, %d changes, %d complaints", l.calls.Load(), l.changes.Load(), complaints)
}
