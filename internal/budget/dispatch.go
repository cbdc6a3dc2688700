package budget

// run gives turns to all whose turn has come, refuses those whose time is over,
// and sets the timer for the next.
func (s *Scheduler) run(now int64) {
	s.overdue(now-1, now)
	s.releaseRipe(now)
	wake := int64(never)
	for s.waiting > 0 {
		w, hurried, at := s.pick(now)
		if w == nil {
			wake = at
			break
		}
		s.dispatch(w, hurried, now)
	}
	s.overdue(now, now)
	if s.limits.Len() == 0 {
		s.arm(never)
		return
	}
	if s.gathering.Len() > 0 {
		wake = min(wake, s.gathering.top().ripe)
	}
	if s.waiting > 0 && s.throttle.outside > 0 {
		// What others take fades without an event.
		wake = min(wake, now+max(s.window/200, 1))
	}
	s.arm(min(wake, s.limits.top().deadline))
}

// pick finds whose turn it is. Where it is nobody's yet it says when to look
// again. The second result is whether the ask goes before its fair turn.
func (s *Scheduler) pick(now int64) (*waiter, bool, int64) {
	open, at := s.gate(now)
	if !open {
		return nil, false, at
	}
	if s.rush.Len() > 0 && s.hurries(s.rush.top()) {
		if s.free() > 0 {
			return s.rush.top().lanes[urgentLane].head, true, now
		}
		return nil, false, s.freeAt(1 - s.free())
	}
	if at = s.turnAt(s.fair.top(), now); at > now {
		return nil, false, at
	}
	return s.fair.top().first(), false, now
}

// dispatch gives a waiting ask its turn, and takes its group along.
func (s *Scheduler) dispatch(w *waiter, hurried bool, now int64) {
	s.virtual = max(s.virtual, s.fair.top().tag)
	g := w.group
	s.dequeue(w)
	var aboard []*waiter
	if g != nil {
		aboard = s.board(w, g)
	}
	t := s.launch(hurried, now, s.split(w, aboard))
	s.depart(t, w.ask.Group, 1+len(aboard), now)
	for _, p := range aboard {
		t.parcels = append(t.parcels, p.ask.Parcel)
		p.decide(&Turn{carried: true}, nil)
	}
	if w.lane == urgentLane {
		s.hasten(w.who, hurried)
	}
	w.decide(t, nil)
}

// direct gives an ask its turn at once where nobody waits and it can go.
func (s *Scheduler) direct(a *account, ask Ask, now int64) *Turn {
	hurried, ok := s.immediate(a, ask.Urgent, now)
	if !ok {
		return nil
	}
	s.virtual = max(s.virtual, a.tag)
	t := s.launch(hurried, now, []charge{s.pay(a, 1)})
	s.depart(t, ask.Group, 1, now)
	if ask.Urgent {
		s.hasten(a, hurried)
	}
	return t
}

// immediate is whether nobody waits and a call of a tenant can go now, and
// whether it goes before its fair turn.
func (s *Scheduler) immediate(a *account, urgent bool, now int64) (hurried, ok bool) {
	if s.waiting > 0 {
		return false, false
	}
	if open, _ := s.gate(now); !open {
		return false, false
	}
	hurried = urgent && s.hurries(a)
	if hurried {
		return true, s.free() > 0
	}
	return false, s.turnAt(a, now) <= now
}

// launch begins a call. Only those that kept to the spacing count for it.
func (s *Scheduler) launch(hurried bool, now int64, bill []charge) *Turn {
	t := s.begin(bill)
	if !hurried {
		s.pace.went(now)
	}
	return t
}

// overdue refuses those whose deadline is not after a time.
func (s *Scheduler) overdue(at, now int64) {
	for s.limits.Len() > 0 && s.limits.top().deadline <= at {
		s.turnAway(s.limits.top(), now)
	}
}

// turnAway takes an ask out of the queue that cannot be served in time.
func (s *Scheduler) turnAway(w *waiter, now int64) {
	s.dequeue(w)
	s.miss(w.who, now)
	w.decide(nil, s.refusal(w.who, s.waitOf(w.who, w.ask, now), now))
}
