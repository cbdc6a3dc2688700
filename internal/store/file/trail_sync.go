package file

import (
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// sync makes the written lines durable, and then updates the head.
func (t *trailWriter) sync() error {
	if t.waiting.IsZero() {
		return nil
	}
	if err := t.target.sync(); err != nil {
		t.failed = true
		return err
	}
	t.waiting = time.Time{}
	if t.target.rest != "" {
		return nil // the lines count once the line that begins the new file is written
	}
	if err := t.head.write(t.at); err != nil {
		t.waiting = time.Now()
		return err
	}
	t.reached()
	return nil
}

// reached records the position up to which lines are durable.
func (t *trailWriter) reached() {
	t.synced = synced{generation: t.generation, size: t.target.size, at: t.at, frame: t.frame}
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	t.store.progress = progress{synced: t.synced, dirty: true}
}

// advance records that all lines of earlier segments are durable, so that segments with few lines
// can be removed.
func (t *trailWriter) advance() {
	if t.waiting.IsZero() && t.target.rest == "" && t.frame.Segment > t.synced.frame.Segment {
		t.reached()
	}
}

// ask requests the line that begins the next generation, unless it is already requested.
func (t *trailWriter) ask(reason string) {
	if t.asked != nil {
		select {
		case <-t.asked.done:
			if t.asked.err == nil {
				return // the line is in the log
			}
		default:
			return
		}
	}
	t.asked = t.store.generation(reason)
}

// generation commits the line that begins the next generation of the file. The group is nil if no
// commit is possible now.
func (s *Store) generation(reason string) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(); err != nil && !s.isFull(err) {
		return nil
	}
	g := s.group()
	g.chain.generation++
	g.ownLine(s.chain, audit.KindRecovered, reason, s.c.Now())
	s.nudge()
	return g
}

// settled writes the position of the durable lines in the trail into the log.
func (s *Store) settled() error {
	s.mu.Lock()
	if err := s.refusal(); err != nil && !s.isFull(err) {
		s.mu.Unlock()
		return err
	}
	g := s.group()
	s.report(g)
	s.mu.Unlock()
	s.nudge()
	<-g.done
	return g.err
}
