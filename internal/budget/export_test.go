package budget

import "time"

// DelayTimers makes all timers of a scheduler late.
func (s *Scheduler) DelayTimers(by func() time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = by
}
