package budget

import "time"

// The estimate of a wait is optimistic: it counts only asks that wait now. An ask that waits in vain leaves
// the queue at its deadline, whereas an ask that is refused wrongly loses a call.

// waitOf returns the estimated wait of an ask of a flow that arrives now.
func (s *Scheduler) waitOf(a *flow, ask Ask, now int64) int64 {
	if ask.Urgent && s.hasCredit(a) {
		return s.waitFor(a, s.urgentBefore(a)+1, true, now)
	}
	return s.waitFor(a, s.before(s.tagOf(a, ask))+1, false, now)
}

// served reports whether an ask of a flow is likely to get its permit in time. While other asks wait, some
// later asks go first, and the rate changes. The estimate is therefore stricter: otherwise an ask without
// slack would be refused only at its deadline.
func (s *Scheduler) served(a *flow, ask Ask, patience, now int64) bool {
	if s.waiting == 0 || ask.Urgent && s.hasCredit(a) {
		return s.waitOf(a, ask, now) <= patience
	}
	k := s.passing(s.tagOf(a, ask)) + 1
	return s.evenWait(a, k+1+k/8, now) <= patience
}

// passing is how many calls are served before a virtual time at most: flows that
// wait, and of which some asks were refused, will ask for all of their share.
func (s *Scheduler) passing(tag float64) int {
	var calls float64
	for _, a := range s.fair.items {
		share := max(0, (tag-a.tag)*s.local(a))
		if a.missAt == 0 {
			share = min(a.backlog(), share)
		}
		calls += share
	}
	return int(calls + 1e-6)
}

// evenWait returns the wait of the k-th call at the present rate. Slots that become free together shorten the
// wait by an unknown amount.
func (s *Scheduler) evenWait(a *flow, k int, now int64) int64 {
	wait := s.waitFor(a, k, false, now)
	paced := k - s.burst(a, now)
	if free := s.free() - s.reserve() - s.burst(a, now); paced > 0 && free > 0 && now >= s.throttle.until {
		rate, _ := s.rate(now, free)
		wait = max(wait, int64(float64(paced)/rate))
	}
	return s.withComing(wait, k, now)
}

// tagOf is the virtual time at which an ask would be served.
func (s *Scheduler) tagOf(a *flow, ask Ask) float64 {
	queue := a.backlog()
	if ask.Urgent {
		queue = float64(a.lanes[urgentLane].n)
	}
	tag := max(a.tag, s.virtual) + queue/s.local(a)
	g := s.groups[ask.Group]
	if g == nil || !g.fits(ask) {
		return tag
	}
	for other, l := range g.lanes {
		tag = min(tag, other.tag+l.head.ahead()/s.local(other))
	}
	return tag
}

// before is how many waiting calls are served before a virtual time.
func (s *Scheduler) before(tag float64) int {
	var calls float64
	for _, a := range s.fair.items {
		calls += min(a.backlog(), max(0, (tag-a.tag)*s.local(a)))
	}
	return int(calls + 1e-6)
}

// urgentBefore returns the number of urgent calls before the next urgent call of a flow.
func (s *Scheduler) urgentBefore(a *flow) int {
	tag := max(a.urgentTag, s.fluid) + float64(a.lanes[urgentLane].n)/a.weight
	var calls float64
	for _, b := range s.urgent.items {
		calls += min(float64(b.lanes[urgentLane].n), max(0, (tag-b.urgentTag)*b.weight))
	}
	return int(calls + 1e-6)
}

// waitFor returns the time until the k-th call from now begins, if that call is of flow a.
func (s *Scheduler) waitFor(a *flow, k int, priority bool, now int64) int64 {
	var wait int64
	switch {
	case now < s.throttle.until:
		return s.throttle.until - now + s.cycles(k-1)
	case priority:
		wait = s.slotWait(k-s.free(), now)
	default:
		wait = s.spacedWait(a, k, now)
	}
	if s.cfg.PerSecond > 0 && s.second > 0 {
		room := s.second - s.spent.inFlight - s.spent.second.n
		wait = max(wait, int64(time.Second)*int64(k-1-max(0, room))/int64(s.second))
	}
	return s.withComing(wait, k, now)
}

// withComing shortens the wait of the k-th call if other replicas can give slots to this replica.
func (s *Scheduler) withComing(wait int64, k int, now int64) int64 {
	if k > s.coming || now < s.throttle.until {
		return wait
	}
	return min(wait, int64(s.cfg.Growth))
}

// spacedWait is the wait of the k-th call that is not urgent.
func (s *Scheduler) spacedWait(a *flow, k int, now int64) int64 {
	free, burst := s.free()-s.reserve(), s.burst(a, now)
	slots := s.slotWait(k-free, now)
	if k <= burst || free <= burst {
		return slots
	}
	rate, reach := s.rate(now, free-burst)
	k -= burst
	last := s.pacer.last
	if burst > 0 {
		last = now
	}
	if k <= reach {
		return max(slots, last-now+int64(float64(k)/rate))
	}
	return max(slots, int64(float64(reach)/rate))
}

// slotWait is the wait for the k-th slot that is not free yet. Beyond the slots of
// ended calls, all slots are used once in a window.
func (s *Scheduler) slotWait(k int, now int64) int64 {
	known := s.spent.slots.n
	switch {
	case k <= 0:
		return 0
	case k <= known:
		return s.freeAt(k) - now
	}
	return s.window + s.cycles(k-known-s.spent.inFlight)
}

// cycles is how long all slots take for a number of calls.
func (s *Scheduler) cycles(calls int) int64 {
	return int64(float64(max(0, calls)) * float64(s.window) / float64(max(1, s.limit())))
}
