package budget

// charge is the fraction of one call that one flow pays.
type charge struct {
	payer *flow
	part  float64
}

// slot is one spent call of the budget.
type slot struct {
	// until is the time at which the slot becomes free, in nanoseconds of the scheduler's clock.
	until int64
	// bill lists the payers, nil if no flow of this scheduler pays.
	bill []charge
}

// slotRing holds spent slots in the order in which they become free. Calls end in order of time, so a new
// slot belongs at or near the end.
type slotRing struct {
	ring []slot
	head int
	n    int
}

func (l *slotRing) at(i int) *slot {
	return &l.ring[(l.head+i)&(len(l.ring)-1)]
}

func (l *slotRing) push(s slot) {
	if l.n == len(l.ring) {
		l.grow()
	}
	i := l.n
	l.n++
	for ; i > 0 && l.at(i-1).until > s.until; i-- {
		*l.at(i) = *l.at(i - 1)
	}
	*l.at(i) = s
}

// pop removes the first slot if it is free by now.
func (l *slotRing) pop(now int64) (slot, bool) {
	if l.n == 0 || l.ring[l.head].until > now {
		return slot{}, false
	}
	s := l.ring[l.head]
	l.ring[l.head] = slot{}
	l.head = (l.head + 1) & (len(l.ring) - 1)
	l.n--
	return s, true
}

func (l *slotRing) grow() {
	wider := make([]slot, max(8, 2*len(l.ring)))
	for i := range l.n {
		wider[i] = *l.at(i)
	}
	l.ring, l.head = wider, 0
}
