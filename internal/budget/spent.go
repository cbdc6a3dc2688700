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

// Spent returns the slots of calls that have ended, and how many calls are under
// way, for a later life of the process. Of slots that become free within a
// sixty-fourth of a window of each other, the last one counts.
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

// Margin is how much longer than a window a slot is held if it is not known when its
// call arrived at Cloudflare.
func (s *Scheduler) Margin() time.Duration { return time.Duration(s.margin) }

// Spend holds slots that were spent in an earlier life of the process.
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
