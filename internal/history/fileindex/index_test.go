package fileindex_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/fileindex"
	"platform.internal/storekeeper/internal/history/historytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trail is a trail in files.
type trail struct {
	path  string
	chain *audit.Chain
}

func newTrail(t testing.TB) *trail {
	t.Helper()
	w := &trail{path: filepath.Join(t.TempDir(), "audit.log"), chain: audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})}
	w.append(t, w.chain.AppendOwn(nil, audit.KindStart, "", time.Now()))
	return w
}

func (w *trail) append(t testing.TB, text []byte) {
	t.Helper()
	file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.Write(text)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *trail) Write(t testing.TB, records ...audit.Record) {
	t.Helper()
	var text []byte
	for _, r := range records {
		var err error
		if text, err = w.chain.Append(text, r, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w.append(t, text)
}

func (w *trail) rotate(t testing.TB) {
	t.Helper()
	if err := os.Rename(w.path, audit.RotatedPath(w.path, w.chain.At().Seq())); err != nil {
		t.Fatal(err)
	}
	w.append(t, w.chain.AppendOwn(nil, audit.KindRecovered, audit.ReasonRotated, time.Now()))
}

func (w *trail) folder() string { return w.path + ".index" }

// open builds an index with small segments.
func (w *trail) open(t testing.TB) *fileindex.Index {
	t.Helper()
	x := fileindex.New(fileindex.Config{Path: w.path, Folder: w.folder(), SegmentLines: 40})
	t.Cleanup(func() { _ = x.Close() })
	if err := x.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return x
}

// one is a trail with an index.
type one struct {
	*trail

	index *fileindex.Index
}

func (o *one) Index(t testing.TB) history.Index {
	if o.index == nil {
		o.index = o.open(t)
	}
	return o.index
}

// restarting begins another index each time, and rotates the trail.
type restarting struct {
	*trail

	times int
}

func (r *restarting) Index(t testing.TB) history.Index {
	if r.times++; r.times%2 == 0 {
		r.rotate(t)
	}
	return r.open(t)
}

// elsewhere has only the files, without a kept index.
type elsewhere struct{ *restarting }

func (e elsewhere) Index(t testing.TB) history.Index {
	e.restarting.Index(t)
	rotated, err := audit.RotatedFiles(e.path)
	if err != nil {
		t.Fatal(err)
	}
	x := fileindex.New(fileindex.Config{Paths: append(rotated, e.path), Folder: t.TempDir(), SegmentLines: 100})
	t.Cleanup(func() { _ = x.Close() })
	if err := x.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestIndexKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, world := range map[string]func(t *testing.T) historytest.World{
		"one index":              func(t *testing.T) historytest.World { return &one{trail: newTrail(t)} },
		"restarts and rotations": func(t *testing.T) historytest.World { return &restarting{trail: newTrail(t)} },
		"files alone":            func(t *testing.T) historytest.World { return elsewhere{&restarting{trail: newTrail(t)}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			historytest.Contract(t, world)
		})
	}
}

func TestIndexFollowsATrailThatIsWrittenAndRotated(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	x := fileindex.New(fileindex.Config{Path: w.path, Folder: w.folder(), SegmentLines: 100})
	t.Cleanup(func() { _ = x.Close() })
	if err := x.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for ctx.Err() == nil {
				p, err := history.Reader{Index: x}.Read(context.Background(), history.Request{Filter: history.Filter{Secret: "S3"}, Size: 20})
				if err != nil {
					t.Error(err)
					return
				}
				for i := range max(0, len(p.Changes)-1) {
					if p.Changes[i].IntentSeq <= p.Changes[i+1].IntentSeq {
						t.Errorf("record %d before record %d", p.Changes[i].IntentSeq, p.Changes[i+1].IntentSeq)
					}
				}
			}
		})
	}
	for i := range 30 {
		some(t, w, 30*i, 30*i+30)
		if i%4 == 3 {
			w.rotate(t)
		}
	}
	cancel()
	group.Wait()
	must(t, x.CatchUp(t.Context()))
	finds(t, x, 900)
	must(t, x.Damaged()) // a rotation is no damage
}
