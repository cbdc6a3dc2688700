package budget

import "math"

// leads are how far the calls that went before all others are ahead of what an
// even flow would have given their tenants.
type leads struct {
	// by holds the tenants that are ahead, the one that falls back first on top.
	by tree[*account]
	// passed and weight are sums over them: of what each had, and of weights.
	passed, weight float64
}

func newLeads() leads {
	return leads{by: tree[*account]{
		less:  func(a, b *account) bool { return a.passed < b.passed },
		place: func(a *account) *int { return &a.leadAt },
	}}
}

// count adds a call of a tenant.
func (l *leads) count(a *account, fluid float64) {
	l.drop(a)
	a.passed = max(a.passed, fluid) + 1/a.weight
	a.led = a.weight
	l.passed += a.led * a.passed
	l.weight += a.led
	l.by.put(a)
}

func (l *leads) drop(a *account) {
	if a.leadAt == 0 {
		return
	}
	l.by.drop(a)
	l.passed -= a.led * a.passed
	l.weight -= a.led
	if l.by.Len() == 0 {
		l.passed, l.weight = 0, 0
	}
}

// settle forgets those that are not ahead any more.
func (l *leads) settle(fluid float64) {
	for l.by.Len() > 0 && l.by.top().passed <= fluid {
		l.drop(l.by.top())
	}
}

// calls is how many calls all of them together are ahead.
func (l *leads) calls(fluid float64) float64 { return max(0, l.passed-fluid*l.weight) }

// hurries is whether a tenant's urgent calls still go before all others: they
// must not be far ahead of an even flow, and those that went before others not
// more than a quarter of the slots, all tenants together, or floods of them
// would spend the window at once. The closer they are to that, the less one
// tenant may be ahead, so that whoever floods leaves room for one who comes
// later. Beyond it urgent calls stand with the others, so that a flood of them
// costs its own tenant and nobody else.
func (s *Scheduler) hurries(a *account) bool {
	room := 1 - s.leads.calls(s.fluid)/math.Max(10, float64(s.limit())/4)
	return max(0, a.rush-s.fluid) <= s.furthest()*room
}

// furthest is how many calls a tenant can be ahead at most.
func (s *Scheduler) furthest() float64 { return math.Max(1, float64(s.limit())/20) }

// hasten counts an urgent call of a tenant. One that went in its fair turn only
// counts against the tenant itself, and what it had long ago not at all.
func (s *Scheduler) hasten(a *account, hurried bool) {
	a.rush = min(max(a.rush, s.fluid)+1/a.weight, s.fluid+s.furthest()+1)
	if hurried {
		s.leads.count(a, s.fluid)
	}
	if a.rushAt > 0 {
		s.rush.put(a)
	}
}
