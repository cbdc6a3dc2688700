package budget

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
	for range n {
		s.loans.unused = append(s.loans.unused, &loan{lapses: now + s.margin/2, due: now + 2*s.margin})
	}
	if !s.closed {
		s.run(now)
	}
}

// Demand is about how many calls wait, by tenant. Those that would travel
// together count as what they cost.
func (s *Scheduler) Demand() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	demand := make(map[string]int, s.fair.Len())
	for _, a := range s.fair.items {
		demand[a.name] = int(a.backlog() + 0.5)
	}
	return demand
}

// SetElsewhere says what waits at the other replicas, one map for each that is
// known. It replaces what was said before and holds for ten graces; none is that
// nothing is known, and then each replica keeps to its own part.
func (s *Scheduler) SetElsewhere(demand []map[string]int) {
	var sum map[string]int
	if len(demand) > 0 {
		sum = make(map[string]int)
	}
	for _, d := range demand {
		for name, n := range d {
			sum[name] += max(0, n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.elsewhere, s.strangers, s.waitElsewhere = sum, 0, 0
	for name, n := range sum {
		s.waitElsewhere += n
		if s.accounts[name] == nil && n > 0 {
			s.strangers += s.weigh(name)
		}
	}
	s.pace.known = false
	now := s.now()
	s.settle(now)
	s.heardAt = now
	if !s.closed {
		s.run(now)
	}
}

// forgetOthers ends what was said of the other replicas when it is old: slots
// left for them would be lost.
func (s *Scheduler) forgetOthers(now int64) {
	if s.elsewhere != nil && now-s.heardAt > 10*s.margin {
		s.elsewhere, s.strangers, s.waitElsewhere = nil, 0, 0
		s.pace.known = false
	}
}

// Due is the part of the whole budget that this replica should have, from 0 to
// 1: each tenant's fair share counts where its calls wait. Where nobody waits
// or nothing is known of the others it is an equal part.
func (s *Scheduler) Due() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.due()
}

func (s *Scheduler) due() float64 {
	if s.elsewhere == nil {
		return 1 / float64(s.cfg.Replicas)
	}
	var here, all float64
	for _, a := range s.fair.items {
		here += s.local(a)
		all += a.weight
	}
	for name, n := range s.elsewhere {
		if a := s.accounts[name]; n > 0 && (a == nil || a.fairAt == 0) {
			all += s.weightOf(name)
		}
	}
	if all == 0 {
		return 1 / float64(s.cfg.Replicas)
	}
	return here / all
}

// part is how much of the own slots this replica is due, at most all.
func (s *Scheduler) part() float64 { return min(1, s.due()*float64(s.cfg.Replicas)) }

func (s *Scheduler) weightOf(name string) float64 {
	if a := s.accounts[name]; a != nil {
		return a.weight
	}
	return s.weigh(name)
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
