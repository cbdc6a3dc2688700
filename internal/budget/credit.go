package budget

import "math"

// credits tracks by how much the urgent calls are ahead of the fluid reference (see Scheduler.fluid).
type credits struct {
	// by holds the flows that are ahead. The flow that the reference overtakes first is on top.
	by indexedHeap[*flow]
	// tags is the sum of weight × creditTag over these flows, and weight the sum of weights.
	tags, weight float64
}

func newCredits() credits {
	return credits{by: indexedHeap[*flow]{
		less:  func(a, b *flow) bool { return a.creditTag < b.creditTag },
		place: func(a *flow) *int { return &a.creditAt },
	}}
}

// count adds an urgent call of a flow.
func (l *credits) count(a *flow, fluid float64) {
	l.drop(a)
	a.creditTag = max(a.creditTag, fluid) + 1/a.weight
	a.creditWeight = a.weight
	l.tags += a.creditWeight * a.creditTag
	l.weight += a.creditWeight
	l.by.put(a)
}

func (l *credits) drop(a *flow) {
	if a.creditAt == 0 {
		return
	}
	l.by.drop(a)
	l.tags -= a.creditWeight * a.creditTag
	l.weight -= a.creditWeight
	if l.by.Len() == 0 {
		l.tags, l.weight = 0, 0
	}
}

// advance removes the flows that are not ahead any more.
func (l *credits) advance(fluid float64) {
	for l.by.Len() > 0 && l.by.top().creditTag <= fluid {
		l.drop(l.by.top())
	}
}

// calls is how many calls all flows together are ahead.
func (l *credits) calls(fluid float64) float64 { return max(0, l.tags-fluid*l.weight) }

// hasCredit reports whether the urgent calls of a flow still have priority over all others. The flow must not
// be far ahead of the fluid reference, and the urgent calls of all flows together by at most a quarter of the
// slots, so that floods do not spend the window at once. The allowance of one flow shrinks with the sum, so
// that a flood leaves room for later flows. Beyond the credit, urgent calls wait in fair order, so that a
// flood costs only its own tenant.
func (s *Scheduler) hasCredit(a *flow) bool {
	room := 1 - s.credits.calls(s.fluid)/math.Max(10, float64(s.limit())/4)
	return max(0, a.urgentTag-s.fluid) <= s.creditLimit()*room
}

// creditLimit returns the maximum number of calls by which a flow can be ahead.
func (s *Scheduler) creditLimit() float64 { return math.Max(1, float64(s.limit())/20) }

// chargeUrgent counts an urgent call of a flow. A call in fair order counts only against its own flow. Old
// calls do not count.
func (s *Scheduler) chargeUrgent(a *flow, priority bool) {
	a.urgentTag = min(max(a.urgentTag, s.fluid)+1/a.weight, s.fluid+s.creditLimit()+1)
	if priority {
		s.credits.count(a, s.fluid)
	}
	if a.urgentAt > 0 {
		s.urgent.put(a)
	}
}
