package budget

import "time"

// Spent is a number of slots that are spent until a time.
type Spent struct {
	// Until is when they become free.
	Until time.Time
	// Slots is how many.
	Slots int `json:"permits"`
}

// steps is how many entries the result of Spent has at most.
const steps = 64

// Spent returns the slots of ended calls and the number of calls in flight, for a later process. It merges
// slots that become free within 1/64 of a window, to the latest time.
func (s *Scheduler) Spent() (ended []Spent, inFlight int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.now())
	until := make([]int64, s.spent.slots.n)
	for i := range until {
		until[i] = s.spent.slots.at(i).until
	}
	return s.grouped(until, s.window/steps), s.spent.inFlight
}

// Margin is the additional time for which a slot is held if the arrival of its call at Cloudflare is unknown.
func (s *Scheduler) Margin() time.Duration { return time.Duration(s.margin) }

// Spend holds slots that an earlier process spent.
func (s *Scheduler) Spend(list []Spent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	s.spend(list, now)
}

func (s *Scheduler) spend(list []Spent, now int64) {
	for _, one := range list {
		until := min(s.when(one.Until), now+2*s.window+s.margin)
		for range min(one.Slots, s.own) {
			if until > now {
				s.spent.slots.push(slot{until: until})
			}
		}
	}
}
