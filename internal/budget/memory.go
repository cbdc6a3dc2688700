package budget

import "time"

// Spent is a number of turns that are spent until a time.
type Spent struct {
	// Until is when they become free.
	Until time.Time `json:"until"`
	// Turns is how many.
	Turns int `json:"turns"`
}

// steps is how many entries a memory has at most.
const steps = 64

// Spent returns the slots of calls that have ended, and how many calls are under
// way, for a later life of the process. Of slots that become free within a
// sixty-fourth of a window of each other, the last one counts.
func (s *Scheduler) Spent() (ended []Spent, flying int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.now())
	until := make([]int64, s.spent.slots.n)
	for i := range until {
		until[i] = s.spent.slots.at(i).until
	}
	return s.grouped(until, s.window/steps), s.spent.flying
}

// Margin is how much longer than a window the slot of a call counts of which
// nobody knows when it arrived at Cloudflare.
func (s *Scheduler) Margin() time.Duration { return time.Duration(s.margin) }

// Spend takes turns away that were spent in an earlier life of the process.
func (s *Scheduler) Spend(list []Spent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	s.spend(list, now)
}

func (s *Scheduler) spend(list []Spent, now int64) {
	for _, one := range list {
		until := min(s.when(one.Until), now+2*s.window+s.margin)
		for range min(one.Turns, s.own) {
			if until > now {
				s.spent.slots.push(slot{until: until})
			}
		}
	}
}
