package file

import (
	"errors"

	"platform.internal/storekeeper/internal/store"
)

// giveUp removes the oldest segments if the newest snapshot does not need them, their records have
// expired, and their lines are durable in the trail.
func (m *maintainer) giveUp() error {
	s := m.store
	now := s.c.Now().UnixMilli()
	s.mu.Lock()
	before := s.oldest
	for oldest := s.oldest; oldest < min(m.chain.Load().newest(), m.indexed+1, s.progress.synced.frame.Segment); oldest++ {
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
	// The log records the new oldest segment first, so that the next start does not miss a removed
	// file.
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

// forget records in the log that segments before the given segment are not needed, and the durable
// end of the trail.
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

// mostLag is the maximum size of the log, in segments, with lines that are not durable in the
// trail.
const mostLag = 4

// bound sets or clears full. mu is held.
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

// isFull reports whether commits fail only because the log is full.
func (s *Store) isFull(err error) bool { return s.full != nil && errors.Is(err, s.full) }
