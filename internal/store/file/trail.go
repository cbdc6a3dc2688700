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

// TrailConfig configures the destination of the audit trail: a file or a stream.
type TrailConfig struct {
	// Path is the path of the audit file. The file PATH.head names the last durable record.
	Path string
	// Key, unless empty, is the HMAC key of the chain, so that the chain cannot be rewritten
	// without the key. A chain keeps its key: a new key needs new files.
	Key []byte
	// RotateSize is the size in bytes from which on the file is rotated: it is renamed to
	// PATH.rotated- and the number of its last record, and a new file continues the chain. 0 means
	// no rotation.
	RotateSize int64
	// Writer is the destination of lines if Path is empty, such as os.Stdout. Each process begins
	// its own chain. An acknowledged line is written at least once: lines written shortly before a
	// kill may be repeated.
	Writer io.Writer
}

const (
	// syncAfter is the maximum delay of a sync of the trail's file. The log holds the lines during
	// that time.
	syncAfter = 500 * time.Millisecond
	// syncBytes is the maximum number of bytes without a sync.
	syncBytes = 4 << 20
	// flushBytes is the approximate number of bytes per write.
	flushBytes = 1 << 20
)

// trailWriter writes the lines of the log to the trail's file, after the commits. One goroutine
// reads the lines from the log, so that after a failure missing lines are written again from the
// log.
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

	// Only the goroutine uses the following fields.

	// target is the destination of the current generation.
	target     target
	generation uint32
	// at is the last written line. frame is the first frame that may have lines after at.
	frame wal.Position
	at    audit.Place
	buf   []byte
	// last is the last line in buf.
	last audit.Place
	// asked is the group with the line that begins the next generation.
	asked *group
	// synced is the position up to which lines are durable. waiting is the time of the oldest write
	// since the last sync.
	synced  synced
	waiting time.Time
	// failed reports that a write or a sync failed. loss is the reason why the file is gone.
	failed bool
	loss   string
	// rotateSize is the configured size, or more after a failed rotation.
	rotateSize int64

	// mu guards the state that readers of the trail need.
	mu      sync.Mutex
	written wal.Position
	size    int64
	// changed is closed at the next change if awaited is set.
	changed chan struct{}
	awaited bool
}

func (t *trailWriter) nudge() { nudge(t.wake) }

func (t *trailWriter) run() {
	defer close(t.ended)
	var retry time.Duration
	for {
		err := t.step()
		if errors.Is(err, errGone) {
			continue // the next step writes the lines to another file
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
		_ = t.sync() // lines that are not durable in the file are in the log
	}
}

// catchUp writes the lines in the log at a start.
func (t *trailWriter) catchUp() error {
	for {
		if err := t.step(); !errors.Is(err, errGone) {
			return err
		}
	}
}

// pause waits for work, and returns false when the trail ends.
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

// step writes the durable lines of the log, and syncs the file if a sync is due.
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
	// After a failure, only a successful sync shows that the file is writable again.
	if t.health.ill() || !t.waiting.IsZero() && (time.Since(t.waiting) >= syncAfter || t.target.size-t.synced.size >= syncBytes) {
		return t.sync()
	}
	return nil
}

// visit processes the lines of a frame.
func (t *trailWriter) visit(f wal.Frame) error {
	return entries(f.Content, func(e *frameEntry) error {
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

func linePlace(e *frameEntry) (audit.Place, error) {
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

// end closes the files.
func (t *trailWriter) end() error {
	return errors.Join(t.target.close(), t.head.close())
}

// publish updates the state for readers.
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
