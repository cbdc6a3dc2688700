package budget

import "time"

// lateness is the delay of a timer that loses no call.
const lateness = int64(20 * time.Millisecond)

// pacer spaces the calls that are not urgent, once half of the slots are spent, so that the free slots last
// until more slots become free.
type pacer struct {
	// last is the start of the last spaced call.
	last int64
	// next is the earliest start of the next call, if known.
	next  int64
	known bool
	// limit is the number of slots that next was computed with.
	limit int
	// rate is the rate that next was computed with, in calls per nanosecond.
	rate float64
}

// went records the start of a spaced call. The next call is spaced from the due time of this call, so that
// timer delays do not add up.
func (p *pacer) went(now int64) {
	p.last = now
	if p.known {
		p.last = min(now, max(p.next, now-lateness))
	}
	p.known = false
}

// nextAt returns the earliest start of the next call that is not urgent, for flow a, by free slots and
// spacing.
func (s *Scheduler) nextAt(a *flow, now int64) int64 {
	p := &s.pacer
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

// burst returns the number of calls of a flow that may begin without spacing: until half of the slots are
// spent, and at most the quota, so that a flow with many asks leaves room for later flows. In the window
// after a 429 it is 0.
func (s *Scheduler) burst(a *flow, now int64) int {
	if now < s.throttle.calm {
		return 0
	}
	half := (s.limit()+1)/2 - s.spent.held()
	return max(0, min(half, s.quota(a)-a.calls()))
}

// rate is the highest even rate at which free slots do not run out, in calls per
// nanosecond: before the i-th slot becomes free, free+i-1 calls can begin. The
// second result is for how many calls the rate holds.
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

// dispatchRate is the rate at which calls begin while asks wait, in calls per
// nanosecond.
func (s *Scheduler) dispatchRate() float64 {
	if s.pacer.rate > 0 {
		return s.pacer.rate
	}
	return float64(s.limit()) / float64(s.window)
}
