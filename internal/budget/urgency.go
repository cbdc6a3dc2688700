package budget

import "context"

type urgencyKey struct{}

// WithUrgency returns a context for a call that becomes urgent when raised is
// closed: an urgent call waits for what this one holds, such as the lock of an
// object. An ask that waits for its turn then moves to the urgent lane.
func WithUrgency(ctx context.Context, raised <-chan struct{}) context.Context {
	return context.WithValue(ctx, urgencyKey{}, raised)
}

// urgencyFrom returns the channel that makes a call urgent, nil where there is
// none.
func urgencyFrom(ctx context.Context) <-chan struct{} {
	raised, _ := ctx.Value(urgencyKey{}).(<-chan struct{})
	return raised
}

func isRaised(raised <-chan struct{}) bool {
	select {
	case <-raised:
		return true
	default:
		return false
	}
}

// promote moves an ask that waits to the urgent lane of its tenant, which pays
// for it as for any urgent call.
func (s *Scheduler) promote(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.decided() || w.lane == urgentLane {
		return
	}
	now := s.now()
	s.settle(now)
	s.dequeue(w)
	w.ask.Urgent, w.lane = true, urgentLane
	s.enqueue(w)
	s.run(now)
}
