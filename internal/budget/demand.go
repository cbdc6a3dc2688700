package budget

import (
	"iter"
	"math"
)

const (
	// missMemory is for how long a refusal is remembered, about, in nanoseconds.
	missMemory = 1e9
	// deadBand is how far what a replica is due can be from an equal part, as a
	// part of that, and yet be taken for equal. Where all are equally busy the
	// queues are never quite the same, and each loan costs a little.
	deadBand = 0.125
)

// fading is an amount that fades: to 1/e in each memory.
type fading struct {
	amount float64
	as     int64
}

func (f *fading) at(now, memory int64) float64 {
	if f.amount == 0 {
		return 0
	}
	return f.amount * math.Exp(-float64(now-f.as)/float64(memory))
}

func (f *fading) add(n float64, now, memory int64) {
	f.amount, f.as = f.at(now, memory)+n, now
}

// miss notes that an ask of a tenant was refused for want of budget. Those who
// come again soon are demand that other replicas can help with, though they do
// not wait. Beyond some, more of them say no more than that.
func (s *Scheduler) miss(a *account, now int64) {
	if now < s.throttle.until {
		return
	}
	a.missed.add(1, now, missMemory)
	a.missed.amount = min(a.missed.amount, max(1, float64(s.own)/10))
	a.missUntil = now + int64(missMemory*math.Log(2*a.missed.amount))
	s.missing.put(a)
}

// forgetMissed ends what less than half a call is left of.
func (s *Scheduler) forgetMissed(now int64) {
	for s.missing.Len() > 0 && s.missing.top().missUntil <= now {
		s.missing.drop(s.missing.top())
	}
}

// wants is how many calls of a tenant wait or were refused lately, about.
func (s *Scheduler) wants(a *account) float64 {
	if a.missAt == 0 {
		return a.backlog()
	}
	return max(1, a.backlog()+a.missed.at(s.fluidAt, missMemory))
}

// wanting are the tenants that wait or were refused lately.
func (s *Scheduler) wanting() iter.Seq[*account] {
	return func(yield func(*account) bool) {
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

// Demand is about how many calls wait, and were refused in the last second for
// want of budget, by tenant. Those that would travel together count as what they
// cost.
func (s *Scheduler) Demand() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	demand := make(map[string]int, s.fair.Len()+s.missing.Len())
	for a := range s.wanting() {
		demand[a.name] = int(s.wants(a) + 0.5)
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
	s.settle(s.now())
	return s.due()
}

func (s *Scheduler) due() float64 {
	if s.elsewhere == nil {
		return 1 / float64(s.cfg.Replicas)
	}
	var here, all float64
	for a := range s.wanting() {
		here += s.local(a)
		all += a.weight
	}
	for name, n := range s.elsewhere {
		if a := s.accounts[name]; n > 0 && (a == nil || a.fairAt+a.missAt == 0) {
			all += s.weightOf(name)
		}
	}
	if all == 0 {
		return 1 / float64(s.cfg.Replicas)
	}
	equal := all / float64(s.cfg.Replicas)
	if math.Abs(here-equal) < deadBand*equal {
		here = equal
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
