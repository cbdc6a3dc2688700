package budget

import "time"

// Loans between replicas. Each replica owns an equal part of the slots. Times
// here are in graces, of a fiftieth of Window and at most one second. A loan
// reaches its borrower within one, a call begins within half of one after that,
// and if it has its answer within two it arrived at most three after the slot
// was lent. The lender holds the slot until a Window after those three, so that
// its slot counts for the call.
//
// A call that lasts longer becomes one of the borrower's own, beyond its limit.
// It then sends nothing until it is below its limit again, and it is by the
// time that the lender's slot is free: calls in flight are never more than the
// own slots, those of them that had ended are free a window later, and what
// began since had a free slot.

// loan is one permit to begin a call on another replica's slot.
type loan struct {
	// lapses is when it can no longer be used, due when the call becomes an
	// own one.
	lapses, due int64
	over        bool
}

// loans are what other replicas lent.
type loans struct {
	// unused are permits, used are calls that began with one; both in the
	// order in which their times come.
	unused, used []*loan
	// credit is how many slots are to be lent, as of the time asked.
	credit float64
	asked  int64
	// income is how many were borrowed lately.
	income fading
}

// settle lets permits lapse. It tells how many calls that last too long become
// own ones.
func (l *loans) settle(now int64) int {
	late := 0
	for len(l.unused) > 0 && l.unused[0].lapses <= now {
		l.unused = l.unused[1:]
	}
	for len(l.used) > 0 && (l.used[0].over || l.used[0].due <= now) {
		if !l.used[0].over {
			l.used[0].over = true
			late++
		}
		l.used = l.used[1:]
	}
	return late
}

func (l *loans) permits() int { return len(l.unused) }

// use takes a permit, if there is one.
func (l *loans) use() *loan {
	if len(l.unused) == 0 {
		return nil
	}
	taken := l.unused[0]
	l.unused = l.unused[1:]
	l.used = append(l.used, taken)
	return taken
}

// end is whether the lender's slot still counts for a call that ends now.
func (l *loan) end() bool {
	if l == nil || l.over {
		return false
	}
	l.over = true
	return true
}

// Lend takes up to n free slots away for another replica and tells how many.
// The other must have them within a grace, which is a fiftieth of Window but at
// most one second. Slots kept for urgent calls are not lent.
func (s *Scheduler) Lend(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	if now < s.throttle.until {
		return 0
	}
	n = max(0, min(n, s.free()-s.reserve()))
	for range n {
		s.spent.slots.push(slot{until: now + 3*s.margin + s.window})
	}
	s.loans.credit -= float64(n)
	return n
}

// Borrow adds n permits to begin a call beyond the own slots. They lapse after
// half a grace.
func (s *Scheduler) Borrow(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	s.loans.income.add(float64(max(0, n)), now, s.memory())
	for range n {
		s.loans.unused = append(s.loans.unused, &loan{lapses: now + s.margin/2, due: now + 2*s.margin})
	}
	if !s.closed {
		s.run(now)
	}
}

// memory is for how long loans are remembered, about.
func (s *Scheduler) memory() int64 { return max(int64(time.Second), 4*s.margin) }

// income is how many calls per nanosecond can go on loans, as they came lately.
func (s *Scheduler) income(now int64) float64 {
	return s.loans.income.at(now, s.memory()) / float64(s.memory())
}

// Surplus is how many slots this replica should lend now, so that of the rate
// at which its slots can be spent what is beyond its due goes to the others. It
// is never more than waits there. It is to be asked at least once in a grace;
// what was not asked for then is not made up for.
func (s *Scheduler) Surplus() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	l := &s.loans
	since := float64(now - l.asked)
	l.asked = now
	beyond := 1 - s.part()
	free := s.free() - s.reserve()
	if beyond <= 0 || free <= 0 || now < s.throttle.until {
		l.credit = min(l.credit, 0)
		return 0
	}
	rate, _ := s.rate(now, free)
	most := max(1, float64(s.cfg.Calls)*float64(s.margin)/float64(s.window))
	l.credit = min(most, l.credit+beyond*rate*since)
	return max(0, min(int(l.credit), free, s.waitElsewhere))
}
