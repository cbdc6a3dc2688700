package budget

import "time"

// The window. Cloudflare counts a call on arrival, at some time between the start and the end of the call
// here. Each call therefore holds a slot from before the send until Window after its end.
//
// Proof: take any window [x, x+Window) of Cloudflare's and a call that arrives in that window. The call began
// before x+Window and ended at or after x, so just before x+Window the call holds its slot. This applies to
// all calls that arrive in the window. The number of held slots never exceeds the limit. So at most that many
// calls arrive in the window.
//
// A call without an answer may still be in flight after its end here, so its slot is held for an additional
// margin.

// spent holds the calls that count in the window.
type spent struct {
	// slots are the slots of ended calls, second those of calls that ended in the last second, and movedOut
	// those given to another replica. Flows also pay for movedOut until the slots are free.
	slots, second, movedOut slotRing
	// inFlight is the number of calls in flight.
	inFlight int
}

// held returns the number of spent own slots.
func (p *spent) held() int { return p.inFlight + p.slots.n }

// since is how many own slots are held by calls that ended after a time.
func (p *spent) since(when, window int64) int {
	n := 0
	for i := p.slots.n; i > 0 && p.slots.at(i-1).until-window >= when; i-- {
		n++
	}
	return n
}

// expire frees slots whose time has passed.
func (p *spent) expire(now int64) {
	for _, l := range []*slotRing{&p.slots, &p.movedOut} {
		for s, ok := l.pop(now); ok; s, ok = l.pop(now) {
			for _, c := range s.bill {
				c.payer.slots.pop(now)
				c.refund()
			}
		}
	}
	for _, ok := p.second.pop(now); ok; _, ok = p.second.pop(now) {
		continue
	}
}

// hold adds a slot to a ring and to the rings of its payers.
func hold(l *slotRing, until int64, bill []charge) {
	l.push(slot{until: until, bill: bill})
	for _, c := range bill {
		c.payer.slots.push(slot{until: until})
	}
}

// limit returns the number of usable slots: the own slots minus those left to calls from outside of
// Storekeeper.
func (s *Scheduler) limit() int { return min(s.own, max(1, s.own-s.throttle.outside)) }

// free returns the number of free slots. It is negative if the limit fell.
func (s *Scheduler) free() int { return s.limit() - s.spent.held() }

// reserve returns the number of free slots reserved for urgent calls: 1 in 50.
func (s *Scheduler) reserve() int {
	limit := s.limit()
	if limit < 20 {
		return 0
	}
	return (limit + 49) / 50
}

// freeAt returns the time at which k more slots than now are free. It returns never if that depends on calls
// in flight.
func (s *Scheduler) freeAt(k int) int64 {
	if k > s.spent.slots.n {
		return never
	}
	return s.spent.slots.at(k - 1).until
}

// gate reports whether any call can begin now, and otherwise the time at which a call can begin.
func (s *Scheduler) gate(now int64) (bool, int64) {
	if now < s.throttle.until {
		return false, s.throttle.until
	}
	if s.spent.inFlight >= s.own {
		return false, never
	}
	if s.cfg.PerSecond > 0 && s.spent.inFlight+s.spent.second.n >= s.second {
		if s.spent.second.n == 0 {
			return false, never
		}
		return false, s.spent.second.at(0).until
	}
	return true, now
}

// begin takes a slot for a call.
func (s *Scheduler) begin(bill []charge) *Permit {
	t := &Permit{s: s, bill: bill}
	s.spent.inFlight++
	t.held = s.spent.held()
	return t
}

// end ends a call. Its slot becomes free a window later, or now if the call was not sent.
func (s *Scheduler) end(t *Permit, r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.done {
		return
	}
	t.done = true
	now := s.now()
	t.noteEnded(now)
	s.advance(now)
	s.spent.inFlight--
	s.close(t, r, now)
	if r.Throttled {
		s.refusedBy(r, now)
	} else {
		s.observeHeaders(t, r, now)
	}
	if !s.closed {
		s.run(now)
	}
}

// close charges the flows of a call that ended.
func (s *Scheduler) close(t *Permit, r Result, now int64) {
	for _, c := range t.bill {
		c.payer.inFlight--
	}
	if !r.Sent {
		for _, c := range t.bill {
			c.refund()
		}
		s.pacer.known = false
		return
	}
	until := now + s.window
	if !r.Answered && !r.Throttled {
		until += s.margin
	}
	if s.cfg.PerSecond > 0 {
		s.spent.second.push(slot{until: until - s.window + int64(time.Second)})
	}
	hold(&s.spent.slots, until, t.bill)
}
