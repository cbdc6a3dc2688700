package budget

import "time"

// lateness is how late a timer can be without a call being lost for it.
const lateness = int64(20 * time.Millisecond)

// pace spaces the calls that are not urgent, once half of the slots are spent,
// so that the free ones last until the next become free.
type pace struct {
	// last is when the last spaced call began.
	last int64
	// next is when the next may begin, if known.
	next  int64
	known bool
	// limit is what next was reckoned with.
	limit int
	// rate is the calls per nanosecond that it came from.
	rate float64
}

// went notes that a spaced call begins. The next is spaced from when it was to
// begin, so that timers that are a little late do not add up.
func (p *pace) went(now int64) {
	p.last = now
	if p.known {
		p.last = min(now, max(p.next, now-lateness))
	}
	p.known = false
}

// turnAt is when the next call that is not urgent may begin, as far as slots
// and spacing are concerned, if it is a tenant's.
func (s *Scheduler) turnAt(a *account, now int64) int64 {
	p := &s.pace
	limit := s.limit()
	free := s.free() - s.reserve()
	if free <= 0 {
		return s.freeAt(1 - free)
	}
	if s.burst(a, now) > 0 {
		p.rate, p.known = 0, false
		return now
	}
	if p.known && p.limit == limit && now < p.next {
		return p.next
	}
	p.rate, _ = s.rate(now, free)
	p.next = p.last + int64(1/p.rate)
	p.limit, p.known = limit, true
	return max(now, p.next)
}

// burst is how many calls of a tenant may begin without spacing: until half of
// the slots are spent and not more than its quota, so that one who asks much
// leaves room for those who come a little later. In the window after Cloudflare
// refused calls there are none.
func (s *Scheduler) burst(a *account, now int64) int {
	if now < s.throttle.calm {
		return 0
	}
	half := (s.limit()+1)/2 - s.spent.held()
	return max(0, min(half, s.quota(a)-a.calls()))
}

// rate is the highest even rate at which free slots do not run dry, in calls
// per nanosecond: before the i-th slot becomes free, free+i-1 calls can go. The
// rate holds for that many calls as the second result says.
func (s *Scheduler) rate(now int64, free int) (float64, int) {
	l := &s.spent.slots
	calls, span := float64(free+l.n), float64(s.window)
	for i := range l.n {
		have, until := float64(free+i), float64(l.at(i).until-now)
		if have*span < calls*until {
			calls, span = have, until
		}
	}
	return calls / span, int(calls)
}

// flow is the rate at which calls leave under pressure.
func (s *Scheduler) flow() float64 {
	if s.pace.rate > 0 {
		return s.pace.rate
	}
	return float64(s.limit()) / float64(s.window)
}
