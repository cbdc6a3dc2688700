package budget

import "math"

// account is what the scheduler knows of one tenant.
type account struct {
	name   string
	weight float64
	// tag is the tenant's virtual time: the calls that it had, divided by its
	// weight. The waiting tenant with the lowest one is next.
	tag float64
	// rush is the same for its urgent calls alone, passed for those of them
	// that went before all others; led is the weight that it leads with.
	rush, passed, led float64
	// lanes are its waiting asks, the urgent ones first.
	lanes [2]lane
	// ever is how many calls ever waited, gone how many of those left.
	ever, gone float64
	// used is how many calls it pays for; slots are when those of them that
	// ended become free, flying is how many have not ended.
	used   float64
	slots  ledger
	flying int
	// wanted is when it last asked.
	wanted int64
	// missed is how many of its asks were refused lately for want of budget;
	// it counts until missUntil.
	missed    fading
	missUntil int64
	// fairAt, rushAt, leadAt and missAt are its places in the trees.
	fairAt, rushAt, leadAt, missAt int
}

const (
	urgentLane = iota
	normalLane
)

// waiting is how many of its asks wait.
func (a *account) waiting() int { return a.lanes[urgentLane].n + a.lanes[normalLane].n }

// backlog is how many calls its waiting asks will cost, about.
func (a *account) backlog() float64 {
	if a.waiting() == 0 {
		return 0
	}
	return max(1, a.ever-a.gone)
}

// calls is how many calls it pays for now, in whole ones.
func (a *account) calls() int { return int(math.Ceil(a.used - 1e-6)) }

// first is its next ask.
func (a *account) first() *waiter {
	if w := a.lanes[urgentLane].head; w != nil {
		return w
	}
	return a.lanes[normalLane].head
}

// idle is whether nothing of the tenant is left in the last window.
func (a *account) idle(since int64) bool {
	return a.waiting() == 0 && a.flying == 0 && a.slots.n == 0 && a.missAt == 0 && a.wanted <= since
}

func fairOrder(a, b *account) bool {
	if a.tag != b.tag {
		return a.tag < b.tag
	}
	return a.first().seq < b.first().seq
}

func rushOrder(a, b *account) bool {
	if a.rush != b.rush {
		return a.rush < b.rush
	}
	return a.lanes[urgentLane].head.seq < b.lanes[urgentLane].head.seq
}

// account finds or opens the account of a tenant.
func (s *Scheduler) account(name string, now int64) *account {
	a := s.accounts[name]
	if a == nil {
		a = &account{name: name, weight: s.weigh(name), tag: s.virtual, rush: s.fluid}
		s.accounts[name] = a
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

// sweep forgets the tenants that had nothing for a window, and what they owe
// or are owed with them.
func (s *Scheduler) sweep(now int64) {
	if now < s.sweepAt {
		return
	}
	s.sweepAt = now + s.window/8
	s.forgetConvoys(now)
	s.weights = 0
	for name, a := range s.accounts {
		if a.idle(now - s.window) {
			delete(s.accounts, name)
			continue
		}
		a.weight = s.weigh(name)
		s.weights += a.weight
	}
}

// local is the weight that a tenant has here: of a tenant that also waits at
// other replicas only the part that waits here counts.
func (s *Scheduler) local(a *account) float64 {
	there := s.elsewhere[a.name]
	if there == 0 {
		return a.weight
	}
	here := max(1, s.wants(a))
	return a.weight * here / (here + there)
}

// pay charges a tenant for a part of a call that begins.
func (s *Scheduler) pay(a *account, part float64) charge {
	a.tag = max(a.tag, s.virtual) + part/s.local(a)
	a.used += part
	a.flying++
	if a.fairAt > 0 {
		s.fair.put(a)
	}
	return charge{a, part}
}

// refund gives back what a call had cost a tenant.
func (c charge) refund() {
	c.payer.used -= c.part
	if c.payer.flying == 0 && c.payer.slots.n == 0 {
		c.payer.used = 0
	}
}
