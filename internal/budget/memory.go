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

// Spent gives what is spent now, for a later life of the process. Of turns that
// become free within a sixty-fourth of a window of each other, the last one
// counts. Calls under way count as if they ended now and without an answer.
func (s *Scheduler) Spent() []Spent {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	var list []Spent
	step, last := s.window/steps, int64(0)
	for i := range s.spent.slots.n {
		until := s.spent.slots.at(i).until
		if len(list) == 0 || until > last+step {
			list = append(list, Spent{})
			last = until
		}
		one := &list[len(list)-1]
		one.Until, one.Turns = s.start.Add(time.Duration(until)), one.Turns+1
	}
	if n := s.spent.flying - s.spent.loaned; n > 0 {
		list = append(list, Spent{Until: s.start.Add(time.Duration(now + s.window + s.margin)), Turns: n})
	}
	return list
}

// Spend takes turns away that were spent in an earlier life of the process.
func (s *Scheduler) Spend(list []Spent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	for _, one := range list {
		until := min(s.when(one.Until), now+s.window+s.margin)
		for range min(one.Turns, s.own) {
			if until > now {
				s.spent.slots.push(slot{until: until})
			}
		}
	}
}
