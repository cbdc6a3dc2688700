// Package file keeps records and the audit trail in files of this machine, for one process.
//
// The package does not know the meaning of the records.
//
// Contract. Each commit is atomic: one frame of a write-ahead log holds the changes of records and
// the lines of the trail in the form of the trail's file. One write and one sync make all pending
// commits durable. Readers never see state that is not durable; decide sees all earlier commits. If
// a write or sync fails, its commits and all later pending commits fail and are rolled back. The
// store then refuses commits until a write succeeds, and retries at least once a second. If the
// disk hangs, commits fail after MaxWait, and only the writing goroutine blocks. A start finds
// every acknowledged commit, or refuses and reports the missing data.
//
// The trail's file is written from the log, right after the sync of the log. It is synced within
// about a second, and then the head is updated. The log keeps lines until they are durable in the
// trail's file. A start appends lines that the file lacks.
//
// The assumptions are those of package wal. The kill of the process loses no data that was written
// to a file. A power loss loses data that was not synced.
//
// The folder holds: store, the identity of the store; wal-N, the segments of the log; index-N, the
// index of the records with an expiry in a full segment; snapshot-N, all other records at the begin
// of a segment, or those that have changed since the snapshot before; spare, filling and next, the
// next segment.
package file

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/disk"
	"platform.internal/storekeeper/internal/store/wal"
)

const (
	// defaultWait is less than a second, the time within which a call must fail.
	defaultWait = 900 * time.Millisecond
	// closeWaits is the multiple of MaxWait that Close waits for the disk. The caller of a commit
	// waits for a response, but a process that ends has the grace period of its supervisor, 30 s
	// with Kubernetes.
	closeWaits = 10
	// defaultSize is the default size limit of the log in bytes, and usualSegment the size of a
	// segment.
	defaultSize  = 16 << 30
	usualSegment = 64 << 20
)

// Config configures a Store.
type Config struct {
	// Folder is the folder of the records. It is created with mode 0700 if necessary.
	Folder string
	// Key returns the operator's key, which authenticates the files. store is the identifier of the
	// store, and fresh reports whether the store never held data. An error of Key makes Open fail.
	// If Key is nil, checksums detect accidental damage only.
	Key func(store string, fresh bool) ([]byte, error)
	// Trail is the destination of the audit trail.
	Trail TrailConfig
	// MaxSize is the size limit of the log in bytes. Beyond it, commits fail with STATE_FULL until
	// records expire. 0 means 16 GiB.
	MaxSize int64
	// MaxWait is the maximum time that a commit waits for the disk. 0 means 900 ms.
	MaxWait time.Duration
	// Observe is called with the duration of each write and sync of the log. Nil means no call.
	Observe func(took time.Duration, err error)
	// Logger logs failures of the store and recoveries. Nil means no logging.
	Logger *zap.Logger
	// FS is the file system. Nil means the file system of the machine.
	FS disk.FS
	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// segment is the size of a segment of the log.
	segment int64
}

func (c Config) withDefaults() Config {
	if c.MaxWait == 0 {
		c.MaxWait = defaultWait
	}
	if c.MaxSize == 0 {
		c.MaxSize = defaultSize
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Observe == nil {
		c.Observe = func(time.Duration, error) {}
	}
	if c.FS == nil {
		c.FS = disk.OS()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.segment == 0 {
		c.segment = usualSegment
	}
	return c
}

// Store is a store.Store in files.
type Store struct {
	c        Config
	identity *identity
	log      *wal.Log
	sealing  []byte
	buffers  buffers
	damages  atomic.Uint64
	trail    *trailWriter
	maintain *maintainer

	wake    chan struct{}
	closing chan struct{}
	ended   chan struct{}
	once    sync.Once
	err     error
	// probe is the delay before the next attempt after a failure. Only the writer uses it.
	probe time.Duration

	// mu guards the following fields.
	mu sync.Mutex
	// records is the durable state. open is the group that new commits join. writing is the group
	// being written.
	records       *records
	open, writing *group
	sealer        *sealer
	// spare is reusable memory for the changes of a group.
	spare pendings
	chain *audit.Chain
	// state is the durable end of the chain. note is the reason of a recovered line that must come
	// next.
	state    chainState
	note     string
	progress progress
	// segment is the current segment, number the number of the last durable frame, and oldest the
	// oldest segment that is needed.
	segment, number, oldest uint64
	snapshots               *snapshot
	// illness is the error of the last failed write, lost the error of a missing file, and full the
	// error of a full log. Each is nil if there is none.
	illness, lost, full error
	closed              bool
}

// progress is the position up to which lines are durable in the trail. dirty reports that the log
// does not have that position yet.
type progress struct {
	synced synced
	dirty  bool
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the store, brings the trail's file up to date, and returns once a start
// line is durable. Open fails if another process holds the store, or if acknowledged data is
// missing. The caller must close the store.
func Open(ctx context.Context, c Config) (*Store, error) {
	c = c.withDefaults()
	s, err := open(ctx, c)
	if err != nil {
		return nil, refused(c.Folder, err)
	}
	return s, nil
}

// Healthy returns nil, or the reason why a commit would fail now.
func (s *Store) Healthy(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	s.mu.Lock()
	err := s.refusal()
	s.mu.Unlock()
	if err == nil {
		err = s.inPlace()
	}
	return err
}

// Status returns the state of the store, for metrics.
func (s *Store) Status() store.Status {
	s.mu.Lock()
	status := store.Status{
		ID: s.identity.store.String(), Commit: s.number, Record: s.state.at.Seq(), Synced: s.progress.synced.at.Seq(),
	}
	s.mu.Unlock()
	s.trail.mu.Lock()
	defer s.trail.mu.Unlock()
	if s.c.Trail.Path != "" {
		status.TrailBytes = s.trail.size
	}
	return status
}

// Damaged returns the number of damaged records that were requested.
func (s *Store) Damaged() uint64 { return s.damages.Load() }

// LostTrail returns how many times this process found that written lines had disappeared from the
// trail's file.
func (s *Store) LostTrail() int64 { return s.trail.lost.Load() }

// Space returns the free bytes and the size of the disk of the log or of the trail, whichever has
// less free space. It returns false if they are unknown.
func (s *Store) Space() (free, size int64, known bool) {
	free, size, err := s.c.FS.Space(s.c.Folder)
	if err != nil || s.c.Trail.Path == "" {
		return free, size, err == nil
	}
	there, most, err := s.c.FS.Space(filepath.Dir(s.c.Trail.Path))
	if err == nil && there < free {
		free, size = there, most
	}
	return free, size, err == nil
}

// Close makes pending commits durable, brings the trail's file up to date, and closes the files. If
// the disk hangs for longer than 10 times MaxWait, Close returns an error and leaks the blocked
// goroutines. No acknowledged commit is lost: the next Open completes the work. Close may be called
// again.
func (s *Store) Close() error {
	s.once.Do(func() { s.err = s.close() })
	return s.err
}

func (s *Store) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	timer := time.NewTimer(closeWaits * s.c.MaxWait)
	defer timer.Stop()
	for _, ended := range []chan struct{}{s.ended, s.maintain.ended, s.trail.ended} {
		if ended == s.trail.ended {
			close(s.trail.stop)
		}
		select {
		case <-ended:
		case <-timer.C:
			return errHung
		}
	}
	s.finish()
	return errors.Join(s.trail.end(), s.log.Close(), s.identity.file.Close())
}

// finish writes the durable end of the trail into the log, so that the next start need not compare
// the two. The writing goroutine must have ended.
func (s *Store) finish() {
	s.mu.Lock()
	dirty := s.progress.dirty && s.illness == nil
	if dirty {
		s.group()
	}
	s.mu.Unlock()
	if dirty {
		s.write()
	}
}
