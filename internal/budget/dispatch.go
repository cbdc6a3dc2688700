package budget

// run grants permits to all asks that can be served now, refuses those whose deadline has passed, and sets
// the timer for the next run.
func (s *Scheduler) run(now int64) {
	s.overdue(now-1, now)
	s.closeDue(now)
	wake := int64(never)
	for s.waiting > 0 {
		w, priority, at := s.pick(now)
		if w == nil {
			wake = at
			break
		}
		s.dispatch(w, priority, now)
	}
	s.overdue(now, now)
	if s.limits.Len() == 0 {
		s.arm(never)
		return
	}
	if s.openWindows.Len() > 0 {
		wake = min(wake, s.openWindows.top().closesAt)
	}
	if s.waiting > 0 && s.throttle.outside > 0 {
		// The estimate of outside calls decays without an event.
		wake = min(wake, now+max(s.window/200, 1))
	}
	s.arm(min(wake, s.limits.top().deadline))
}

// pick returns the ask to serve now, and whether the ask goes before its fair turn. If there is none, pick
// returns the time of the next check.
func (s *Scheduler) pick(now int64) (*waiter, bool, int64) {
	open, at := s.gate(now)
	if !open {
		return nil, false, at
	}
	if s.urgent.Len() > 0 && s.hasCredit(s.urgent.top()) {
		if s.free() > 0 {
			return s.urgent.top().lanes[urgentLane].head, true, now
		}
		return nil, false, s.freeAt(1 - s.free())
	}
	if at = s.nextAt(s.fair.top(), now); at > now {
		return nil, false, at
	}
	return s.fair.top().first(), false, now
}

// dispatch grants a permit to a waiting ask. Other asks of its group join the call.
func (s *Scheduler) dispatch(w *waiter, priority bool, now int64) {
	s.virtual = max(s.virtual, s.fair.top().tag)
	g := w.group
	s.dequeue(w)
	var joined []*waiter
	if g != nil {
		joined = s.collect(w, g)
	}
	t := s.launch(priority, now, s.split(w, joined))
	s.noteSent(t, w.ask.Group, 1+len(joined), now)
	for _, p := range joined {
		t.members = append(t.members, p.ask.Member)
		p.decide(&Permit{joined: true}, nil)
	}
	if w.lane == urgentLane {
		s.chargeUrgent(w.who, priority)
	}
	w.decide(t, nil)
}

// direct grants a permit at once if no ask waits and a slot is free.
func (s *Scheduler) direct(a *flow, ask Ask, now int64) *Permit {
	priority, ok := s.immediate(a, ask.Urgent, now)
	if !ok {
		return nil
	}
	s.virtual = max(s.virtual, a.tag)
	t := s.launch(priority, now, []charge{s.pay(a, 1)})
	s.noteSent(t, ask.Group, 1, now)
	if ask.Urgent {
		s.chargeUrgent(a, priority)
	}
	return t
}

// immediate reports whether no ask waits and a call of a flow can begin now, and whether the call goes before
// its fair turn.
func (s *Scheduler) immediate(a *flow, urgent bool, now int64) (priority, ok bool) {
	if s.waiting > 0 {
		return false, false
	}
	if open, _ := s.gate(now); !open {
		return false, false
	}
	priority = urgent && s.hasCredit(a)
	if priority {
		return true, s.free() > 0
	}
	return false, s.nextAt(a, now) <= now
}

// launch begins a call. Only spaced calls count for the pacer.
func (s *Scheduler) launch(priority bool, now int64, bill []charge) *Permit {
	t := s.begin(bill)
	if !priority {
		s.pacer.went(now)
	}
	return t
}

// overdue refuses the asks whose deadline is at or before a time.
func (s *Scheduler) overdue(at, now int64) {
	for s.limits.Len() > 0 && s.limits.top().deadline <= at {
		s.refuse(s.limits.top(), now)
	}
}

// refuse removes an ask that cannot be served in time from the queue.
func (s *Scheduler) refuse(w *waiter, now int64) {
	s.dequeue(w)
	s.miss(w.who, now)
	w.decide(nil, s.refusal(w.who, s.waitOf(w.who, w.ask, now), now))
}
