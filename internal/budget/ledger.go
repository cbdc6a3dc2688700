package budget

// charge is what one tenant pays of one call.
type charge struct {
	payer *account
	part  float64
}

// slot is one call of the budget that is spent until a time.
type slot struct {
	// until is in nanoseconds of the scheduler's clock.
	until int64
	// bill is who pays; nil for what is lent.
	bill []charge
}

// ledger holds spent slots in the order in which they become free. Calls end
// in the order of time, so that a new slot belongs at or near the end.
type ledger struct {
	ring []slot
	head int
	n    int
}

func (l *ledger) at(i int) *slot {
	return &l.ring[(l.head+i)&(len(l.ring)-1)]
}

func (l *ledger) push(s slot) {
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

// pop takes the slot that is free first, if it is free by now.
func (l *ledger) pop(now int64) (slot, bool) {
	if l.n == 0 || l.ring[l.head].until > now {
		return slot{}, false
	}
	s := l.ring[l.head]
	l.ring[l.head] = slot{}
	l.head = (l.head + 1) & (len(l.ring) - 1)
	l.n--
	return s, true
}

func (l *ledger) grow() {
	wider := make([]slot, max(8, 2*len(l.ring)))
	for i := range l.n {
		wider[i] = *l.at(i)
	}
	l.ring, l.head = wider, 0
}
