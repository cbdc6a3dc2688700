package emulator

import (
	"sync"
	"time"
)

// timestamps gives out times of creation and change. No two are the same, so that
// an order by time is always total.
type timestamps struct {
	clock func() time.Time
	mu    sync.Mutex
	last  time.Time
}

// next is now, to the microsecond, or the microsecond after the stamp before.
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
