package budget

import "time"

// The partition of the budget that a scheduler owns. Several schedulers, one per replica, share a budget.
// Each owns a number of slots, all together at most the budget, and slots move to where they are needed. A
// spent slot moves together with the time at which it becomes free, so that the proof in window.go holds for
// all schedulers together.

// Grow adds slots to the own slots. spent lists the spent slots among them.
func (s *Scheduler) Grow(slots int, spent []Spent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	s.resize(s.own + slots)
	s.spend(spent, now)
	if !s.closed {
		s.run(now)
	}
}

// Shrink gives away up to n of the own slots. It returns their number and the spent slots among them. Free
// and spent slots go in proportion. Slots of calls in flight stay, and so do the slots that the calls of the
// last second need under Config.PerSecond.
func (s *Scheduler) Shrink(n int) (slots int, spent []Spent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	n = max(0, min(n, s.own-s.spent.inFlight))
	for n > 0 && s.cfg.PerSecond > 0 && s.spent.inFlight+s.spent.second.n > s.perSecond(s.own-n) {
		n--
	}
	if n == 0 {
		return 0, nil
	}
	free := max(0, s.own-s.spent.held())
	given := min(free, (n*free+s.own-1)/s.own)
	ended := min(n-given, s.spent.slots.n)
	spent = s.giveSpent(ended)
	s.resize(s.own - n)
	return n, spent
}

// giveSpent gives away some of the slots that are spent, evenly spread over the
// times at which they become free. Their tenants go on paying for them.
func (s *Scheduler) giveSpent(n int) []Spent {
	if n <= 0 {
		return nil
	}
	l := &s.spent.slots
	all := l.n
	var kept slotRing
	var given []int64
	for i := range all {
		one := *l.at(i)
		// The i-th slot goes if i*n/all passes an integer.
		if (i+1)*n/all == i*n/all {
			kept.push(one)
			continue
		}
		given = append(given, one.until)
		if one.bill != nil {
			s.spent.movedOut.push(one)
		}
	}
	s.spent.slots = kept
	return s.grouped(given, s.window/(8*steps))
}

// Drop gives up all slots at once, after the lease of the partition was lost. The replica that takes the
// slots over counts the calls that were made with them, including calls in flight.
func (s *Scheduler) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.now())
	for s.spent.slots.n > 0 {
		one, _ := s.spent.slots.pop(never)
		if one.bill != nil {
			s.spent.movedOut.push(one)
		}
	}
	s.resize(0)
}

// resize sets how many slots are owned, and scales the estimate of outside calls.
func (s *Scheduler) resize(own int) {
	if s.own > 0 && own > 0 && own != s.own {
		s.throttle.scale(float64(own) / float64(s.own))
	}
	s.own = own
	s.throttle.others.own = int64(own)
	if s.cfg.PerSecond > 0 {
		s.second = s.perSecond(own)
	}
	s.throttle.advance(s.now(), s.window)
	s.pacer.known = false
}

// perSecond returns the number of calls that may begin in a second with a number of own slots. Each scheduler
// with slots has at least one call per second. The limit reserves that call for every scheduler.
func (s *Scheduler) perSecond(own int) int {
	switch {
	case own == 0:
		return 0
	case own >= s.cfg.Calls:
		return s.cfg.PerSecond
	}
	kept := min(s.replicas, s.cfg.PerSecond/2)
	return max(1, (s.cfg.PerSecond-kept)*own/s.cfg.Calls)
}

// grouped sums up slots that become free within a step of each other. The last of
// them counts for all. until are times of the scheduler's clock, in order.
func (s *Scheduler) grouped(until []int64, step int64) []Spent {
	var list []Spent
	last := int64(0)
	for _, at := range until {
		if len(list) == 0 || at > last+step {
			list = append(list, Spent{})
			last = at
		}
		one := &list[len(list)-1]
		one.Until, one.Slots = s.start.Add(time.Duration(at)), one.Slots+1
	}
	return list
}
