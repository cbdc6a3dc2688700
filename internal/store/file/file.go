// Package file keeps records and the audit trail in files of this machine, for one
// process.
//
// It must not know what the records mean.
//
// Contract. Each commit is in one frame of a write-ahead log, there whole or not at
// all: the changes of records, and the lines of the trail as they stand in its
// file. One write and one sync make all commits durable that wait. Readers never
// see what is not durable; decide sees the commits before its own. After a write or
// sync that failed, its commits and those behind them fail and are taken back, and
// the store refuses commits until one succeeds, which it tries by itself within a
// second. Where the disk hangs, commits are refused after MaxWait, and the writing
// goroutine alone waits. A start finds every commit that was acknowledged, or says
// what is missing and refuses.
//
// The file of the trail is written from the log, right behind the sync, and synced
// within about a second; the head follows. The log keeps lines until they are
// durable there. A start appends those that are not in the file.
//
// Assumptions are those of package wal. A kill of the process loses nothing that
// was written to a file; a loss of power loses what was not synced.
//
// The folder holds: store, which says which store it is; wal-N, the segments of the
// log; index-N, which records with an expiry a full segment has; snapshot-N, all
// other records as they were when a segment was begun; spare, the next segment.
package file

import (
	"context"
	"errors"
	"fmt"
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
	// defaultWait is below the second within which a call must be refused.
	defaultWait = 900 * time.Millisecond
	// closeWaits is how many times longer than a commit Close waits for the disk: a
	// caller of a commit waits for an answer, and a process that ends has the time
	// that its supervisor grants, 30 s with Kubernetes.
	closeWaits = 10
	// defaultSize is how many bytes the log may have, and usualSegment how many each
	// of its segments has.
	defaultSize  = 16 << 30
	usualSegment = 64 << 20
)

// Config says where a store is.
type Config struct {
	// Folder is where the records are. It is made with mode 0700 where it is not
	// there.
	Folder string
	// Key returns the operator's key, with which files are sealed against changes.
	// It is told the identifier of the store and whether nothing was ever kept in
	// it. Its error refuses the start. Nil: there is no key, and files are sealed
	// against damage only.
	Key func(store string, fresh bool) ([]byte, error)
	// Trail says where the audit trail goes.
	Trail TrailConfig
	// MaxSize is how many bytes the log may have. Commits are refused with
	// STATE_FULL where it has more and nothing in it has expired. 0: 16 GiB.
	MaxSize int64
	// MaxWait is how long a commit waits for the disk. 0: 900 ms.
	MaxWait time.Duration
	// Observe is told how long each write to the log with its sync took. Nil: nobody.
	Observe func(took time.Duration, err error)
	// Logger is told when the store fails and when it works again. Nil: nobody.
	Logger *zap.Logger
	// FS is where the files are. Nil: those of the machine.
	FS disk.FS
	// Now is the clock. Nil: the system's.
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
	// probe is when to try a log again that failed. It belongs to the writer.
	probe time.Duration

	// mu guards what follows.
	mu sync.Mutex
	// records are what is durable. open is the group that commits join, and writing
	// the one that is being written.
	records       *records
	open, writing *group
	sealer        *sealer
	// spare is the memory of an earlier group's changes.
	spare pendings
	chain *audit.Chain
	// state is the chain as far as it is durable, and note the reason of a recovered
	// line that has to come next.
	state    chainState
	note     string
	progress progress
	// segment is the one in use, number that of the last durable frame, and oldest
	// the oldest segment that is needed.
	segment, number, oldest uint64
	snapshots               *snapshot
	// illness is why the log failed last, lost which file is not in its place, and
	// full why the log may not hold more.
	illness, lost, full error
	closed              bool
}

// progress is up to where lines are durable in the trail, and whether the log does
// not know that yet.
type progress struct {
	synced synced
	dirty  bool
}

var _ store.Store = (*Store)(nil)

// Open opens the store or makes it, brings the file of the trail up to date, and
// returns when a start line is durable. It fails where another process holds the
// store, and where something is missing that was acknowledged. The store must be
// closed.
func Open(ctx context.Context, c Config) (*Store, error) {
	c = c.withDefaults()
	s, err := open(ctx, c)
	if err != nil {
		return nil, refused(c.Folder, err)
	}
	return s, nil
}

// refused is the error of files that cannot be used, with the way out.
func refused(folder string, err error) error {
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, audit.ErrLocked), errors.Is(err, audit.ErrBroken), errors.Is(err, errPath):
		return fmt.Errorf("state %s: %w", folder, err)
	}
	return fmt.Errorf("state %s: %w. Restore the folder and the key file from one backup, or move both away to begin a new state, "+
		"which forgets earlier changes (docs/state.md)", folder, err)
}

// Healthy returns nil, or why a commit would fail now.
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

// Damaged is how many records were asked for that are not what was written.
func (s *Store) Damaged() uint64 { return s.damages.Load() }

// LostTrail is how many times this process found that lines which were written are
// gone from the file of the trail.
func (s *Store) LostTrail() int64 { return s.trail.lost.Load() }

// Space returns the free bytes on the disk of the log or on that of the trail, which
// has fewer, and the size of that disk. It returns false where that is not known.
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

// Close makes durable what waits, brings the file of the trail up to date, and gives
// the files back. Where the disk hangs for longer than 10 times MaxWait it returns an error
// and leaves behind what nothing can end. Nothing is lost then: the next Open does
// the rest. Close may be called again.
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

// finish notes in the log up to where the trail is durable, so that the next
// start has nothing to compare. The writing goroutine has ended.
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
