package file

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/store"
)

// maintainEvery is the time between two looks at what the segments need.
const maintainEvery = time.Second

// maintainer does in the background what no commit waits for: it writes snapshots
// and indexes, makes the next segment ahead, and gives up segments.
type maintainer struct {
	store *Store
	files *sealedFiles
	wake  chan struct{}
	ended chan struct{}
	// snapshot is the segment that the newest durable snapshot begins with, and
	// indexed the newest that has an index, as all before it.
	snapshot atomic.Uint64
	indexed  uint64
	failing  bool
}

// begun notes that a frame is the first of its segment. mu is held, and the frame
// is not applied yet.
func (s *Store) begun(segment uint64) {
	s.segment = segment
	s.snapshots = &snapshot{
		segment: segment, number: s.number, lasting: s.records.snapshot(),
		chain: s.state, synced: s.progress.synced, oldest: s.oldest,
	}
	s.maintain.nudge()
}

func (m *maintainer) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *maintainer) run() {
	defer close(m.ended)
	// From now on a log without frames is known as one that was lost.
	_ = m.store.identity.file.Sync() // an older number is right too
	ticker := time.NewTicker(maintainEvery)
	defer ticker.Stop()
	for {
		err := m.work()
		if err != nil && !m.failing {
			m.store.c.Logger.Warn("the log of the state cannot be tidied up, and grows until it can", zap.Error(err))
		}
		m.failing = err != nil
		select {
		case <-m.store.closing:
			return
		case <-m.wake:
		case <-ticker.C:
		}
	}
}

func (m *maintainer) work() error {
	err := errors.Join(m.store.log.MakeSpare(), m.writeSnapshot(), m.writeIndexes(), m.giveUp())
	lost := m.store.inPlace()
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.miss(lost)
	m.store.bound()
	return err
}

func (m *maintainer) writeSnapshot() error {
	m.store.mu.Lock()
	s := m.store.snapshots
	m.store.mu.Unlock()
	if s == nil {
		return nil
	}
	if err := m.files.writeSnapshot(s); err != nil {
		return err
	}
	m.snapshot.Store(s.segment)
	m.store.mu.Lock()
	if m.store.snapshots == s {
		m.store.snapshots = nil
	}
	m.store.mu.Unlock()
	return m.removeOlder()
}

// removeOlder removes the snapshots before the newest.
func (m *maintainer) removeOlder() error {
	names, err := m.files.fs.Names(m.files.folder)
	for _, name := range names {
		if n, ok := segmentOf(snapshotPrefix, name); ok && n < m.snapshot.Load() {
			err = errors.Join(err, m.remove(snapshotPrefix, n))
		}
	}
	return err
}

// remove removes a file that is not needed any more.
func (m *maintainer) remove(prefix string, segment uint64) error {
	err := m.files.fs.Remove(filepath.Join(m.files.folder, segmentFile(prefix, segment)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// writeIndexes writes those of the segments before the one in use.
func (m *maintainer) writeIndexes() error {
	for {
		s := m.store
		s.mu.Lock()
		next := max(m.indexed+1, s.oldest)
		var i *segmentIndex
		if next < s.segment {
			i = s.records.index(next) // nothing changes it any more
		}
		s.mu.Unlock()
		if i == nil {
			return nil
		}
		if err := m.files.writeIndex(i); err != nil {
			return err
		}
		m.indexed = next
	}
}

// giveUp gives up the oldest segments, as far as the newest snapshot does without
// them, their records have expired, and their lines are durable in the trail.
func (m *maintainer) giveUp() error {
	s := m.store
	now := s.c.Now().UnixMilli()
	s.mu.Lock()
	before := s.oldest
	for oldest := s.oldest; oldest < min(m.snapshot.Load(), m.indexed+1, s.progress.synced.frame.Segment); oldest++ {
		if s.records.index(oldest).until > now {
			break
		}
		before = oldest + 1
	}
	same := before == s.oldest
	s.mu.Unlock()
	if same {
		return nil
	}
	// Durable before a file goes, so that a start does not miss it.
	if err := s.forget(before); err != nil {
		return err
	}
	for n := s.log.Oldest(); n < before; n++ {
		if err := errors.Join(s.log.Remove(n), m.remove(indexPrefix, n)); err != nil {
			return err
		}
	}
	return nil
}

// forget makes durable that segments before one are not needed, and what is known
// of the trail.
func (s *Store) forget(before uint64) error {
	s.mu.Lock()
	if err := s.refusal(); err != nil && !s.isFull(err) {
		s.mu.Unlock()
		return err
	}
	s.oldest = before
	s.records.drop(before)
	s.progress.dirty = true
	g := s.group()
	s.report(g)
	g.frame = appendOldest(g.frame, before)
	s.mu.Unlock()
	s.nudge()
	<-g.done
	return g.err
}

var errBound = errors.New("the segments of the log have reached the configured size")

var errLag = errors.New("lines of the audit trail wait to be written to its file, and the log may not hold more of them")

// mostLag is how many segments' worth of the log may have lines that are not durable
// in the trail.
const mostLag = 4

// bound refuses commits while the log may not hold more. mu is held.
func (s *Store) bound() {
	switch {
	case s.log.Full():
		s.full = store.Full(errBound)
	case s.log.Behind(s.progress.synced.frame) > mostLag*s.c.segment:
		s.full = store.Full(errLag)
	default:
		s.full = nil
	}
}

// isFull says whether commits are refused only because the log may not hold more.
func (s *Store) isFull(err error) bool { return s.full != nil && errors.Is(err, s.full) }
