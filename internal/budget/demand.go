package budget

import (
	"iter"
	"math"
	"time"
)

// missMemory is the time constant of refused asks, in nanoseconds.
const missMemory = 1e9

// ewma is a counter that decays exponentially: to 1/e in each memory.
type ewma struct {
	amount float64
	as     int64
}

func (f *ewma) at(now, memory int64) float64 {
	if f.amount == 0 {
		return 0
	}
	return f.amount * math.Exp(-float64(now-f.as)/float64(memory))
}

func (f *ewma) add(n float64, now, memory int64) {
	f.amount, f.as = f.at(now, memory)+n, now
}

// miss records that an ask of a flow was refused for want of budget. Callers that
// retry soon are demand, though they do not wait. Above a tenth of the budget more
// refusals do not count.
func (s *Scheduler) miss(a *flow, now int64) {
	if now < s.throttle.until {
		return
	}
	a.missed.add(1, now, missMemory)
	a.missed.amount = min(a.missed.amount, max(1, float64(s.cfg.Calls)/10))
	a.missUntil = now + int64(missMemory*math.Log(2*a.missed.amount))
	s.missing.put(a)
}

// forgetMissed drops the counters that are below half a call.
func (s *Scheduler) forgetMissed(now int64) {
	for s.missing.Len() > 0 && s.missing.top().missUntil <= now {
		s.missing.drop(s.missing.top())
	}
}

// wants is about how many calls of a flow wait or were refused lately.
func (s *Scheduler) wants(a *flow) float64 {
	if a.missAt == 0 {
		return a.backlog()
	}
	return max(1, a.backlog()+a.missed.at(s.fluidAt, missMemory))
}

// wanting are the flows that wait or were refused lately.
func (s *Scheduler) wanting() iter.Seq[*flow] {
	return func(yield func(*flow) bool) {
		for _, a := range s.fair.items {
			if !yield(a) {
				return
			}
		}
		for _, a := range s.missing.items {
			if a.fairAt == 0 && !yield(a) {
				return
			}
		}
	}
}

// Demand is the supply and demand of a scheduler.
type Demand struct {
	// Flows are the tenants that wait, were refused recently, or spent much of the budget.
	Flows map[string]Flow
	// Small is the number of calls of all other tenants in the last window.
	Small float64
	// Free is the number of unspent slots.
	Free int
}

// Flow is the demand of one tenant.
type Flow struct {
	// Used is the number of calls in the last window. A shared call counts as a fraction for each tenant.
	Used float64 `json:"used,omitempty"`
	// Waiting is the approximate number of waiting calls, plus those refused in the last second for lack of
	// budget. Asks that would share a call count as a fraction.
	Waiting float64 `json:"waiting,omitempty"`
}

// small is a divisor of the budget. Tenants that spent at most this part are summed up in Demand.Small.
const small = 64

// Demand returns the current supply and demand of this scheduler.
func (s *Scheduler) Demand() Demand {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	d := Demand{Flows: make(map[string]Flow, s.fair.Len()+s.missing.Len()), Free: max(0, s.free())}
	for a := range s.wanting() {
		d.Flows[a.name] = Flow{Used: a.used, Waiting: s.wants(a)}
	}
	for name, a := range s.flows {
		switch {
		case d.Flows[name].Waiting > 0:
		case a.used > float64(s.cfg.Calls)/small:
			d.Flows[name] = Flow{Used: a.used}
		default:
			d.Small += a.used
		}
	}
	return d
}

// Elsewhere is the state of the other schedulers that share the budget.
type Elsewhere struct {
	// Waiting is how many calls of each tenant wait there.
	Waiting map[string]float64
	// Coming is how many slots they can give to this scheduler soon.
	Coming int
	// Replicas is the number of schedulers, including this scheduler.
	Replicas int
}

// SetElsewhere replaces the state of the other schedulers. It is valid for a minute.
func (s *Scheduler) SetElsewhere(e Elsewhere) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.elsewhere, s.coming, s.unknownWeight = e.Waiting, e.Coming, 0
	if s.elsewhere == nil {
		s.elsewhere = map[string]float64{}
	}
	for name, n := range e.Waiting {
		if s.flows[name] == nil && n > 0 {
			s.unknownWeight += s.weigh(name)
		}
	}
	now := s.now()
	s.advance(now)
	s.elsewhereAt = now
	if e.Replicas != s.replicas {
		s.replicas = e.Replicas
		s.resize(s.own)
	}
	if !s.closed {
		s.run(now)
	}
}

// forgetOthers drops the state of the other schedulers when it has expired.
func (s *Scheduler) forgetOthers(now int64) {
	if s.elsewhere != nil && now-s.elsewhereAt > int64(time.Minute) {
		s.elsewhere, s.unknownWeight, s.coming = nil, 0, 0
	}
}
