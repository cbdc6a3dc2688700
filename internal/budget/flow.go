package budget

import "math"

// flow is the state of one tenant: its queue and its usage.
type flow struct {
	name   string
	weight float64
	// tag is the tenant's virtual time: its number of calls divided by its weight. The waiting tenant with
	// the lowest tag is next.
	tag float64
	// urgentTag is the virtual time of urgent calls alone. creditTag is that of urgent calls that went first,
	// and creditWeight the weight with which they count.
	urgentTag, creditTag, creditWeight float64
	// lanes are the waiting asks, urgent asks first.
	lanes [2]lane
	// enqueued is the cost of all asks that have waited, and dequeued the cost of those that left the queue.
	enqueued, dequeued float64
	// used is the number of calls charged to the tenant. slots are those of ended calls. inFlight is the
	// number of calls in flight.
	used     float64
	slots    slotRing
	inFlight int
	// wanted is the time of the last ask.
	wanted int64
	// missed counts asks refused recently for lack of budget. It is valid until missUntil.
	missed    ewma
	missUntil int64
	// fairAt, urgentAt, creditAt and missAt are the indexes in the heaps.
	fairAt, urgentAt, creditAt, missAt int
}

const (
	urgentLane = iota
	normalLane
)

// waiting returns the number of waiting asks.
func (a *flow) waiting() int { return a.lanes[urgentLane].n + a.lanes[normalLane].n }

// backlog returns the approximate number of calls that the waiting asks will cost.
func (a *flow) backlog() float64 {
	if a.waiting() == 0 {
		return 0
	}
	return max(1, a.enqueued-a.dequeued)
}

// calls returns the number of calls charged to the tenant now, rounded up.
func (a *flow) calls() int { return int(math.Ceil(a.used - 1e-6)) }

// first returns the next ask.
func (a *flow) first() *waiter {
	if w := a.lanes[urgentLane].head; w != nil {
		return w
	}
	return a.lanes[normalLane].head
}

// idle returns whether the flow had nothing in the last window.
func (a *flow) idle(since int64) bool {
	return a.waiting() == 0 && a.inFlight == 0 && a.slots.n == 0 && a.missAt == 0 && a.wanted <= since
}

func fairOrder(a, b *flow) bool {
	if a.tag != b.tag {
		return a.tag < b.tag
	}
	return a.first().seq < b.first().seq
}

func urgentOrder(a, b *flow) bool {
	if a.urgentTag != b.urgentTag {
		return a.urgentTag < b.urgentTag
	}
	return a.lanes[urgentLane].head.seq < b.lanes[urgentLane].head.seq
}

// flowOf returns the flow of a tenant. It creates the flow if necessary.
func (s *Scheduler) flowOf(name string, now int64) *flow {
	a := s.flows[name]
	if a == nil {
		a = &flow{name: name, weight: s.weigh(name), tag: s.virtual, urgentTag: s.fluid}
		s.flows[name] = a
		s.weights += a.weight
	}
	a.wanted = now
	return a
}

func (s *Scheduler) weigh(name string) float64 {
	if s.cfg.Weight == nil {
		return 1
	}
	if w := s.cfg.Weight(name); w > 0 && w <= heaviest {
		return w
	}
	return 1
}

// Reweigh reads the weights of all tenants again. Permits are given by them from
// then on.
func (s *Scheduler) Reweigh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.sweepAt = now
	s.advance(now)
}

// sweep deletes the flows that had nothing for a window, and their tags.
func (s *Scheduler) sweep(now int64) {
	if now < s.sweepAt {
		return
	}
	s.sweepAt = now + s.window/8
	s.forgetWindows(now)
	s.weights = 0
	for name, a := range s.flows {
		if a.idle(now - s.window) {
			delete(s.flows, name)
			continue
		}
		a.weight = s.weigh(name)
		s.weights += a.weight
	}
}

// local returns the weight of a flow at this replica. If the tenant also waits at other replicas, only the
// fraction that waits here counts.
func (s *Scheduler) local(a *flow) float64 {
	there := s.elsewhere[a.name]
	if there == 0 {
		return a.weight
	}
	here := max(1, s.wants(a))
	return a.weight * here / (here + there)
}

// pay charges a flow for a part of a call that begins.
func (s *Scheduler) pay(a *flow, part float64) charge {
	a.tag = max(a.tag, s.virtual) + part/s.local(a)
	a.used += part
	a.inFlight++
	if a.fairAt > 0 {
		s.fair.put(a)
	}
	return charge{a, part}
}

// refund reverses a charge.
func (c charge) refund() {
	c.payer.used -= c.part
	if c.payer.inFlight == 0 && c.payer.slots.n == 0 {
		c.payer.used = 0
	}
}
