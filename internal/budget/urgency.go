package budget

func isRaised(raised <-chan struct{}) bool {
	select {
	case <-raised:
		return true
	default:
		return false
	}
}

// promote moves a waiting ask to the urgent lane of its tenant, which pays as for any urgent call.
func (s *Scheduler) promote(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.decided() || w.lane == urgentLane {
		return
	}
	now := s.now()
	s.advance(now)
	s.dequeue(w)
	w.ask.Urgent, w.lane = true, urgentLane
	s.enqueue(w)
	s.run(now)
}
