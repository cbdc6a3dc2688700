package emulator

import (
	"sync"
	"time"
)

// timestamps returns times of creation and change. No two are equal, so an
// order by time is total.
type timestamps struct {
	clock func() time.Time
	mu    sync.Mutex
	last  time.Time
}

// next returns the current time in microseconds, or the microsecond after the
// last returned time.
func (s *timestamps) next() time.Time {
	now := s.clock().UTC().Truncate(time.Microsecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.After(s.last) {
		now = s.last.Add(time.Microsecond)
	}
	s.last = now
	return now
}
