package file

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/store/wal"
)

const (
	// maintainEvery is the interval of the maintenance.
	maintainEvery = time.Second
	// fillEvery is the number of bytes of the log after which the next segment is filled further.
	fillEvery = 256 << 10
)

// maintainer does the background work that no commit waits for: it writes snapshots and indexes,
// creates the next segment in advance, and removes old segments.
type maintainer struct {
	store *Store
	files *sealedFiles
	wake  chan struct{}
	ended chan struct{}
	// fill requests that the next segment is filled further. nudged is the number of whole fillEvery
	// in the current segment at the last request; only the writer uses it.
	fill   chan struct{}
	nudged int64
	// chain is the newest durable snapshot with those that it continues.
	chain atomic.Pointer[snapshotChain]
	// indexed is the newest segment up to which all segments have an index.
	indexed uint64
	failing bool
}

// begun records that the next frame is the first of its segment. mu is held, and the frame is not
// applied yet.
func (s *Store) begun(segment uint64) {
	s.segment = segment
	s.records.lasting.freeze()
	s.snapshots = &snapshot{
		segment: segment, number: s.number,
		chain: s.state, synced: s.progress.synced, oldest: s.oldest,
	}
	s.maintain.nudge()
}

func (m *maintainer) nudge() { nudge(m.wake) }

// used requests that the next segment is filled further, when the frame at a position is the first
// one after another fillEvery bytes.
func (m *maintainer) used(at wal.Position) {
	if parts := at.Offset / fillEvery; parts != m.nudged {
		m.nudged = parts
		nudge(m.fill)
	}
}

func nudge(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (m *maintainer) run() {
	defer close(m.ended)
	// From now on, a missing log counts as lost.
	_ = m.store.identity.file.Sync() // an older number is right too
	ticker := time.NewTicker(maintainEvery)
	defer ticker.Stop()
	for whole := true; ; {
		var err error
		if whole || !m.failing { // a full disk is tried once a second
			err = m.makeSpare()
		}
		if whole || err != nil {
			m.tell(errors.Join(err, m.work()))
		}
		select {
		case <-m.store.closing:
			return
		case <-m.fill:
			whole = false
		case <-m.wake:
			whole = true
		case <-ticker.C:
			whole = true
		}
	}
}

// tell logs the first of a row of failures.
func (m *maintainer) tell(err error) {
	if err != nil && !m.failing {
		m.store.c.Logger.Warn("the log of the state cannot be tidied up, and grows until it can", zap.Error(err))
	}
	m.failing = err != nil
}

// makeSpare fills the next segment as far as it must be filled by now. If that is much, as after a start, it
// leaves half of the time to the frames.
func (m *maintainer) makeSpare() error {
	for {
		began := time.Now()
		if more, err := m.store.log.MakeSpare(); !more || err != nil {
			return err
		}
		select {
		case <-m.store.closing:
			return nil
		case <-time.After(time.Since(began)):
		}
	}
}

// work does all but filling the next segment.
func (m *maintainer) work() error {
	err := errors.Join(m.writeSnapshot(), m.writeIndexes(), m.giveUp())
	lost := m.store.inPlace()
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	m.store.miss(lost)
	m.store.bound()
	return err
}

// snapshotChain describes a snapshot and those that it continues.
type snapshotChain struct {
	// segments are the segments of the snapshots, newest first. The last snapshot has all records.
	segments []uint64
	// changed is the size in bytes of the changes in the others.
	changed int
}

// newest returns the segment with which the snapshot begins, or 0 if there is none.
func (c *snapshotChain) newest() uint64 {
	if len(c.segments) == 0 {
		return 0
	}
	return c.segments[0]
}

// oldest returns the segment of the snapshot that has all records, or 0 if there is none.
func (c *snapshotChain) oldest() uint64 {
	if len(c.segments) == 0 {
		return 0
	}
	return c.segments[len(c.segments)-1]
}

// mostChained is the maximum number of snapshots in a chain.
const mostChained = 33

// writeSnapshot writes the changes since the last snapshot. When the changes since the last snapshot
// with all records are half as large as all records, it writes all records: so the bytes written for
// a change do not grow with the number of records, and a start has to merge few changes.
func (m *maintainer) writeSnapshot() error {
	m.store.mu.Lock()
	s, last := m.store.snapshots, &m.store.records.lasting
	settled, frozen := last.settled, slices.Clone(last.frozen)
	m.store.mu.Unlock()
	if s == nil {
		return nil
	}
	changes := tableOf(frozen)
	all := merge(settled, changes, true)
	chain := m.chain.Load()
	written, continues := changes, chain.newest()
	next := &snapshotChain{append([]uint64{s.segment}, chain.segments...), chain.changed + len(changes.text)}
	if continues == 0 || len(next.segments) > mostChained || next.changed > len(all.text)/2 {
		written, continues, next = all, 0, &snapshotChain{segments: []uint64{s.segment}}
	}
	if err := m.files.writeSnapshot(s, continues, written); err != nil {
		return err
	}
	m.chain.Store(next)
	m.store.mu.Lock()
	last.settle(all, len(frozen))
	if m.store.snapshots == s {
		m.store.snapshots = nil
	}
	m.store.mu.Unlock()
	return m.removeOlder()
}

// removeOlder removes the snapshots before the newest one that has all records.
func (m *maintainer) removeOlder() error {
	names, err := m.files.fs.Names(m.files.folder)
	for _, name := range names {
		if n, ok := segmentOf(snapshotPrefix, name); ok && n < m.chain.Load().oldest() {
			err = errors.Join(err, m.remove(snapshotPrefix, n))
		}
	}
	return err
}

// remove removes a file that is no longer needed.
func (m *maintainer) remove(prefix string, segment uint64) error {
	err := m.files.fs.Remove(filepath.Join(m.files.folder, segmentFile(prefix, segment)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// writeIndexes writes the indexes of the segments before the current segment.
func (m *maintainer) writeIndexes() error {
	for {
		s := m.store
		s.mu.Lock()
		next := max(m.indexed+1, s.oldest)
		var i *segmentIndex
		if next < s.segment {
			i = s.records.index(next) // nothing changes the index any more
		}
		s.mu.Unlock()
		if i == nil {
			return nil
		}
		if !i.written {
			if err := m.files.writeIndex(i); err != nil {
				return err
			}
			i.places, i.written = nil, true
		}
		m.indexed = next
	}
}
