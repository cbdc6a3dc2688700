package budget

// Convoys. Where the asks of a group come faster than the budget could carry them
// one by one, each waits a little for the others, so that a call leaves with all
// who are about and not with the first of them. Below that rate nobody waits for
// company, and neither does one who is alone.
//
// Callers that make one change after the other come back together soon after
// their call has ended. So whoever is away in a call is worth waiting for: one
// call with all of them, each time they are all back, moves more than two calls
// with a half each, whose callers wait for a turn in which the others travel.

const (
	// crowded is which part of the budget the asks of a group come to, in as large
	// a part of the window, when they come so fast that they would spend all of it.
	crowded = 10
)

// convoy is what is known of a group that made a call lately.
type convoy struct {
	// asks are those that came lately.
	asks fading
	// left is when its last call left.
	left int64
	// flying is how many asks travel, away how many have travelled and did not
	// come again yet, which they may do until the time back.
	flying, away int
	back         int64
	// ended is when its last call ended, until the first comes again; trip is how
	// long it takes until then, and lasting how long a call takes, both about.
	ended, trip, lasting int64
	// parked are those that wait for company and are in no other queue; items
	// and bytes are sums over them.
	parked       lane
	items, bytes int
	// first and joined are when the first and the last of them came, ripe is when
	// they stop waiting.
	first, joined, ripe int64
	// ripeAt is its place in the tree of convoys that wait.
	ripeAt int
}

// spacing is the time in which the budget allows one call.
func (s *Scheduler) spacing() int64 { return max(1, s.window/int64(s.limit())) }

// depart notes that a call of a group leaves, for some asks.
func (s *Scheduler) depart(t *Turn, group string, asks int, now int64) {
	if group == "" {
		return
	}
	c := s.convoys[group]
	if c == nil {
		c = &convoy{parked: lane{by: byTenant}}
		s.convoys[group] = c
	}
	c.left = now
	c.flying += asks
	t.convoy, t.riders, t.left = c, asks, now
}

// arrive notes that a call has ended.
func (t *Turn) arrive(now int64) {
	c := t.convoy
	if c == nil {
		return
	}
	c.flying -= t.riders
	c.away = c.others(now) - c.flying + t.riders
	c.lasting += (now - t.left - c.lasting) / 4
	c.ended, c.back = now, now+2*c.trip
}

// others is how many are away and may come again.
func (c *convoy) others(now int64) int {
	if now > c.back {
		c.away = 0
	}
	return c.flying + c.away
}

// comes notes an ask. It may be of one who was away.
func (c *convoy) comes(now, memory int64) {
	c.asks.add(1, now, memory)
	if c.ended > 0 {
		c.trip += (min(now-c.ended, memory) - c.trip) / 4
		c.ended = 0
	}
	c.away = max(0, c.away-1)
}

// gathers gives the convoy that an ask is to wait in, nil where it has none to
// wait for.
func (s *Scheduler) gathers(a Ask, deadline, now int64) *convoy {
	c := s.convoys[a.Group]
	if a.Group == "" || c == nil {
		return nil
	}
	c.comes(now, s.window/crowded)
	switch {
	case a.Urgent, s.groups[a.Group] != nil, deadline-now <= 3*s.spacing():
		return nil
	case c.parked.n == 0 && c.others(now) == 0, c.asks.amount <= float64(s.limit())/crowded:
		return nil
	}
	return c
}

// park lets an ask wait in a convoy. Where there is no room for it the convoy
// leaves, and it goes its own way.
func (s *Scheduler) park(w *waiter, c *convoy, now int64) bool {
	if c.parked.n > 0 && (c.items+w.items() > mostItems || c.bytes+w.ask.Bytes > mostBytes) {
		s.release(c)
		return false
	}
	if c.parked.n == 0 {
		c.first = now
	}
	c.joined = now
	c.parked.push(w)
	c.items, c.bytes = c.items+w.items(), c.bytes+w.ask.Bytes
	w.convoy = c
	s.parked++
	s.limits.put(w)
	c.ripe = s.ripe(c, now)
	s.gathering.put(c)
	return true
}

// unpark takes an ask out of its convoy.
func (s *Scheduler) unpark(w *waiter) {
	c := w.convoy
	c.parked.remove(w)
	c.items, c.bytes = c.items-w.items(), c.bytes-w.ask.Bytes
	w.convoy = nil
	s.parked--
	s.limits.drop(w)
	if c.parked.n == 0 {
		s.gathering.drop(c)
	}
}

// ripe is when a convoy stops waiting: when all are there that were about, when
// most are and nobody has joined for a while, or when all who can have left before
// the first came had the time to come back. It does not leave sooner after its
// last call than the budget allows anyway.
func (s *Scheduler) ripe(c *convoy, now int64) int64 {
	spacing := s.spacing()
	all := min(c.parked.n+c.others(now), mostItems)
	round := (c.lasting + c.trip) * 5 / 4
	last := c.first + round
	if round > 2*spacing {
		// Who is away for so long is not waited for, but who comes just now.
		last = min(c.first+spacing/2, c.joined+spacing/8)
	}
	switch {
	case c.items >= mostItems:
		return now
	case c.parked.n >= all:
		last = now
	case 4*c.parked.n >= 3*all:
		last = min(last, c.joined+spacing/8)
	}
	return max(last, c.left+spacing)
}

// releaseRipe lets the convoys go whose time has come.
func (s *Scheduler) releaseRipe(now int64) {
	for s.gathering.Len() > 0 && s.gathering.top().ripe <= now {
		s.release(s.gathering.top())
	}
}

// release puts those who wait for company into the queue.
func (s *Scheduler) release(c *convoy) {
	for w := c.parked.head; w != nil; w = c.parked.head {
		s.unpark(w)
		s.enqueue(w)
	}
}

// forgetConvoys forgets the groups that made no call for a while.
func (s *Scheduler) forgetConvoys(now int64) {
	for name, c := range s.convoys {
		if c.flying == 0 && c.parked.n == 0 && c.left <= now-s.window/4 {
			delete(s.convoys, name)
		}
	}
}
