package file

import (
	"runtime"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/wal"
)

const (
	// mostYields is the maximum number of times that the writer yields, so that others can join the
	// open group before the write.
	mostYields = 4
	// After a failure, the log is retried after firstProbe. The delay doubles with each failure, up
	// to lastProbe.
	firstProbe = 20 * time.Millisecond
	lastProbe  = time.Second
)

// nudge wakes the writer.
func (s *Store) nudge() { nudge(s.wake) }

// group returns the open group, or begins one. mu is held.
func (s *Store) group() *group {
	if s.open != nil {
		return s.open
	}
	g := &group{frame: wal.NewFrame(s.buffers.take()), pendings: s.spare.take(), chain: s.state, done: make(chan struct{})}
	if s.writing != nil {
		g.chain = s.writing.chain
	}
	s.open = g
	s.report(g)
	if s.note != "" && g.chain.at.Seq() > 0 {
		g.ownLine(s.chain, audit.KindRecovered, s.note, s.c.Now())
	}
	s.note = ""
	g.timer = time.AfterFunc(s.c.MaxWait, func() { s.expire(g) })
	return g
}

// report adds the durable end of the trail to a group. mu is held.
func (s *Store) report(g *group) {
	if s.progress.dirty {
		s.progress.dirty = false
		g.frame = appendSynced(g.frame, s.progress.synced)
	}
}

// expire fails the commits of a group that is not durable after MaxWait.
func (s *Store) expire(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g == s.open || g == s.writing {
		if !g.late {
			g.late, g.err = true, store.Unavailable(errHung)
			close(g.done)
		}
	}
}

// refusal returns the fault with which a commit fails immediately, or nil. mu is held.
func (s *Store) refusal() error {
	switch {
	case s.closed:
		return store.Unavailable(store.ErrClosed)
	case s.illness != nil:
		return s.failed(s.illness)
	case s.lost != nil:
		return s.failed(s.lost)
	case s.writing != nil && s.writing.late, s.open != nil && s.open.late:
		return store.Unavailable(errHung)
	}
	return s.full
}

// run is the writing goroutine.
func (s *Store) run() {
	defer close(s.ended)
	for s.wait() {
		s.write()
	}
	for s.write() {
	}
}

// wait returns true when there may be work, or a failed log is due for a retry. It returns false
// when the store is closing.
func (s *Store) wait() bool {
	var probe <-chan time.Time
	if s.probe > 0 {
		timer := time.NewTimer(s.probe)
		defer timer.Stop()
		probe = timer.C
	}
	select {
	case <-s.closing:
		return false
	case <-s.wake:
	case <-probe:
	}
	return true
}

// write makes the open group durable. It returns false if there is none, or if the write failed.
func (s *Store) write() bool {
	s.gather()
	g := s.take()
	if g == nil {
		return false
	}
	at, err := s.put(g.frame)
	if err != nil {
		s.fail(err)
	} else {
		s.succeed(g, at)
	}
	s.buffers.give(g.frame)
	return err == nil
}

// put writes a frame, unless the identity file of the store is gone.
func (s *Store) put(frame []byte) (wal.Position, error) {
	if err := s.identity.inPlace(s.c.Folder); err != nil {
		return wal.Position{}, err
	}
	began := time.Now()
	at, err := s.log.Write(frame)
	s.c.Observe(time.Since(began), err)
	if err == nil {
		s.identity.witness(s.log.Number())
	}
	return at, err
}

// gather lets other goroutines join the open group. It yields for as long as the group grows. In an
// idle process that takes no time.
func (s *Store) gather() {
	before := s.waiting()
	for range mostYields {
		runtime.Gosched()
		now := s.waiting()
		if now == before {
			return
		}
		before = now
	}
}

// waiting returns the size of the open group in bytes.
func (s *Store) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return 0
	}
	return len(s.open.frame)
}

// take closes the open group. After a failure, take makes an empty group for the retry.
func (s *Store) take() *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.illness != nil {
		s.group()
	}
	s.writing, s.open = s.open, nil
	return s.writing
}

// succeed makes the changes of the group visible to readers and ends its commits.
func (s *Store) succeed(g *group, at wal.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.Segment != s.segment {
		s.begun(at.Segment)
	}
	g.apply(s.records, at)
	s.spare = g.pendings.emptied()
	g.pendings = pendings{}
	s.state, s.writing, s.number = g.chain, nil, s.log.Number()
	s.bound()
	if open := s.open; open != nil && open.late {
		// Its commits have failed by timeout, so the group is dropped.
		s.open = nil
		open.timer.Stop()
		s.chain.Rewind(s.state.at)
		s.progress.dirty = true
	}
	s.probe = 0
	if s.illness != nil {
		s.illness = nil
		s.c.Logger.Info("the state can be written again")
	}
	s.maintain.used(at)
	// The goroutine that is made ready last runs first, and callers should not wait for the trail.
	s.trail.nudge()
	g.end(nil)
}

// fail fails the commits of the written and the open group. Neither happened, unless the next start
// finds the frame in the log.
func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.illness == nil {
		s.c.Logger.Error("the state cannot be written: changes are refused", zap.Error(err))
	}
	s.illness = err
	for _, g := range []*group{s.open, s.writing} {
		if g != nil {
			g.end(s.failed(err))
		}
	}
	s.open, s.writing = nil, nil
	s.chain.Rewind(s.state.at)
	s.note, s.progress.dirty = audit.ReasonWriteFailed, true
	s.probe = min(max(2*s.probe, firstProbe), lastProbe)
}

// end sets the result of the commits.
func (g *group) end(err error) {
	g.timer.Stop()
	if !g.late {
		g.err = err
		close(g.done)
	}
}
