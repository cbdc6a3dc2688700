package file

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/wal"
)

// TrailConfig says where the audit trail goes: to a file, or to a stream.
type TrailConfig struct {
	// Path is the audit file. FILE.head beside it names the last record that is
	// durable in it.
	Path string
	// Key, unless empty, binds the chain, so that a holder of the files alone cannot
	// write it anew. A chain keeps its key: a new key needs new files.
	Key []byte
	// RotateSize is the size in bytes from which on the file is given another name,
	// FILE.rotated- and the number of its last record, and a new file continues the
	// chain. 0: never.
	RotateSize int64
	// Writer is where lines go where no Path is given, such as os.Stdout. Each
	// process begins a chain of its own. A line that was acknowledged is written at
	// least once: those of the last moments before a kill may be there twice.
	Writer io.Writer
}

const (
	// syncAfter is how long a line waits for a sync of the file, while the log has
	// it.
	syncAfter = 500 * time.Millisecond
	// syncBytes is how many bytes wait for one at most.
	syncBytes = 4 << 20
	// flushBytes is about how many bytes are written to the file at once.
	flushBytes = 1 << 20
)

// trailWriter writes the lines of the log to the file of the trail, behind the commits.
// Its one goroutine reads them from the log, so that what the file lacks after a
// fault is written again from there.
type trailWriter struct {
	store  *Store
	c      TrailConfig
	reader *wal.FrameReader
	head   trailHead
	wake   chan struct{}
	stop   chan struct{}
	ended  chan struct{}
	lost   atomic.Int64
	health health

	// The rest belongs to the goroutine.

	// target is where the lines of the generation go.
	target     target
	generation uint32
	// frame is the first frame that may have lines behind at, the last line that was
	// written.
	frame wal.Position
	at    audit.Place
	buf   []byte
	// last is the last line in buf.
	last audit.Place
	// asked is the group with the line that begins the next generation.
	asked *group
	// synced is up to where lines are durable, and waiting since when others wait.
	synced  synced
	waiting time.Time
	// failed says that a write or a sync failed, and loss why the file is gone.
	failed bool
	loss   string
	// rotateSize is that of the configuration, larger after a rotation that failed.
	rotateSize int64

	// mu guards what readers of the trail need to know.
	mu      sync.Mutex
	written wal.Position
	size    int64
	// changed is closed with the next change, where that is awaited.
	changed chan struct{}
	awaited bool
}

func (t *trailWriter) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *trailWriter) run() {
	defer close(t.ended)
	var retry time.Duration
	for {
		err := t.step()
		if errors.Is(err, errGone) {
			continue // the next step writes its lines elsewhere
		}
		if t.health.tell(err, t.store.c.Logger); err == nil {
			retry = 0
		} else {
			retry = min(max(2*retry, firstProbe), lastProbe)
		}
		if !t.pause(retry) {
			break
		}
	}
	if t.step() == nil {
		_ = t.sync() // what is not durable in the file is in the log
	}
}

// catchUp writes the lines that are in the log, at a start.
func (t *trailWriter) catchUp() error {
	for {
		if err := t.step(); !errors.Is(err, errGone) {
			return err
		}
	}
}

// pause returns when there is something to do, and false when the trail ends.
func (t *trailWriter) pause(retry time.Duration) bool {
	wake, wait := t.wake, retry
	switch {
	case retry > 0:
		wake = nil
	case !t.waiting.IsZero():
		wait = max(time.Until(t.waiting.Add(syncAfter)), time.Microsecond)
	}
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-t.stop:
		return false
	case <-wake:
	case <-due:
	}
	return true
}

// step writes the lines that are durable in the log, and syncs the file when that
// is due.
func (t *trailWriter) step() error {
	t.health.begin()
	defer t.health.end()
	if t.failed {
		if err := t.retry(); err != nil {
			return err
		}
		t.failed = false
	}
	t.buf = t.buf[:0]
	next, err := t.reader.Read(t.frame, t.visit)
	if err == nil {
		err = t.flush()
	}
	if err != nil {
		return err
	}
	t.frame = next
	t.publish()
	// After a failure only a sync shows that the file can be written again.
	if t.health.ill() || !t.waiting.IsZero() && (time.Since(t.waiting) >= syncAfter || t.target.size-t.synced.size >= syncBytes) {
		return t.sync()
	}
	return nil
}

// visit takes the lines of a frame.
func (t *trailWriter) visit(f wal.Frame) error {
	return entries(f.Content, func(e *entry) error {
		if e.kind != entryLine || e.generation < t.generation {
			return nil
		}
		at, err := linePlace(e)
		if err != nil {
			return err
		}
		if e.generation > t.generation {
			if err := t.flush(); err != nil {
				return err
			}
			t.frame = f.Position
			if err := t.turn(e.generation); err != nil {
				return err
			}
		} else if at.Seq() <= t.at.Seq() {
			return nil
		}
		t.buf, t.last = append(t.buf, e.value...), at
		if len(t.buf) < flushBytes {
			return nil
		}
		err = t.flush()
		t.frame = f.Position
		return err
	})
}

var errLine = errors.New("it holds a line in no form that this build knows")

func linePlace(e *entry) (audit.Place, error) {
	at, ok := audit.PlaceOf(e.value)
	if !ok {
		return at, errLine
	}
	return at, nil
}

// flush writes the buffer to the target.
func (t *trailWriter) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	if err := t.check(); err != nil {
		return err
	}
	if err := t.target.write(t.buf); err != nil {
		t.failed = true
		return err
	}
	t.at, t.buf = t.last, t.buf[:0]
	t.health.begin()
	if t.c.Path == "" {
		t.reached()
		return nil
	}
	if t.waiting.IsZero() {
		t.waiting = time.Now()
	}
	if t.rotateSize > 0 && t.target.size >= t.rotateSize && t.target.inPlace() {
		t.ask(audit.ReasonRotated)
	}
	return nil
}

// end gives the files back.
func (t *trailWriter) end() error {
	return errors.Join(t.target.close(), t.head.close())
}

// publish tells readers how far the file is.
func (t *trailWriter) publish() {
	t.advance()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.written == t.frame && t.size == t.target.size {
		return
	}
	t.written, t.size = t.frame, t.target.size
	if t.awaited {
		t.awaited = false
		close(t.changed)
		t.changed = make(chan struct{})
	}
}
