package file

import (
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// sync makes the lines that were written durable, and then the head that names
// them.
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
		return nil // it counts with the line that begins the new file
	}
	if err := t.head.write(t.at); err != nil {
		t.waiting = time.Now()
		return err
	}
	t.reached()
	return nil
}

// reached tells the log up to where lines are durable.
func (t *trailWriter) reached() {
	t.synced = synced{generation: t.generation, size: t.target.size, at: t.at, frame: t.frame}
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	t.store.progress = progress{synced: t.synced, dirty: true}
}

// advance tells the log that a segment has no line that is not durable, so that
// segments go whose commits have few lines.
func (t *trailWriter) advance() {
	if t.waiting.IsZero() && t.target.rest == "" && t.frame.Segment > t.synced.frame.Segment {
		t.reached()
	}
}

// ask asks for the line that begins the next generation, unless it is on its way.
func (t *trailWriter) ask(reason string) {
	if t.asked != nil {
		select {
		case <-t.asked.done:
			if t.asked.err == nil {
				return // it is in the log, and comes
			}
		default:
			return
		}
	}
	t.asked = t.store.generation(reason)
}

// generation commits the line that begins the next generation of the file. The
// group is nil where nothing can be committed now.
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

// settled makes durable in the log up to where lines are durable in the trail.
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
