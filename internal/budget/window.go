package budget

import "time"

// The window. Cloudflare counts a call when it arrives, at some time between the
// begin and the end of the call here. Each call therefore holds a slot from before
// it is sent until Window after it ended.
//
// Take any window [x, x+Window) of Cloudflare's and a call that arrives in it.
// It began before x+Window, and it ended at or after x, so just before
// x+Window it holds its slot. This is true of all calls that arrive in that
// window at once, and never more slots are held than the limit: so no more
// calls than the limit arrive in it.
//
// A call without an answer may be on its way after its end here; its slot is
// held for a margin more.

// spent holds the calls that count in the window.
type spent struct {
	// slots are those of ended calls, second those of calls that ended in the last
	// second, movedOut those that were given to another replica. The flows pay for the
	// last until they are free, too.
	slots, second, movedOut slotRing
	// inFlight is how many calls are under way.
	inFlight int
}

// held is how many of the own slots are spent.
func (p *spent) held() int { return p.inFlight + p.slots.n }

// since is how many own slots are held by calls that ended after a time.
func (p *spent) since(when, window int64) int {
	n := 0
	for i := p.slots.n; i > 0 && p.slots.at(i-1).until-window >= when; i-- {
		n++
	}
	return n
}

// expire frees the slots whose time is over.
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

// hold keeps a slot in a ring until a time, and in the rings of its payers.
func hold(l *slotRing, until int64, bill []charge) {
	l.push(slot{until: until, bill: bill})
	for _, c := range bill {
		c.payer.slots.push(slot{until: until})
	}
}

// limit is how many slots can be used: the own slots without those that are left to
// calls from outside of Storekeeper.
func (s *Scheduler) limit() int { return min(s.own, max(1, s.own-s.throttle.outside)) }

// free is how many of them are free; it is below 0 if the limit fell.
func (s *Scheduler) free() int { return s.limit() - s.spent.held() }

// reserve is how many free slots are kept for urgent calls: one in 50.
func (s *Scheduler) reserve() int {
	limit := s.limit()
	if limit < 20 {
		return 0
	}
	return (limit + 49) / 50
}

// freeAt is when the k-th slot becomes free beyond those that are free now. It is
// never if that depends on calls under way.
func (s *Scheduler) freeAt(k int) int64 {
	if k > s.spent.slots.n {
		return never
	}
	return s.spent.slots.at(k - 1).until
}

// gate returns whether any call can begin now, and if not, when one can.
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

// end ends a call. Its slot becomes free a window later, or now if it was not sent.
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
