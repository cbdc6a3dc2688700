package budget

import "slices"

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
	// savings is how many calls that a group did not make it can make up for.
	savings = 2
)

// trip is what happened to those who travelled in a call that has ended.
type trip struct {
	// ended is when, away is how many of them did not come again yet.
	ended int64
	away  int
}

// convoy is what is known of a group that made a call lately.
type convoy struct {
	// asks are those that came lately.
	asks fading
	// left is when its last call left, due when the budget allows its next.
	left, due int64
	// flying are its calls under way, home those that ended and whose riders may
	// come again, both in the order of time.
	flying []*Turn
	home   []trip
	// lasting is how long a call takes, absent how long its riders are away after
	// it, swing by how much that differs from one to another, all about.
	lasting, absent, swing int64
	// parked are those that wait for company and are in no other queue; items
	// and bytes are sums over them.
	parked       lane
	items, bytes int
	// first is when the first of them came, ripe is when they stop waiting.
	first, ripe int64
	// ripeAt is its place in the tree of convoys that wait.
	ripeAt int
}

// spacing is the time in which the budget allows one call.
func (s *Scheduler) spacing() int64 { return max(1, s.window/int64(max(1, s.limit()))) }

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
	c.due = min(max(c.due, now-savings*s.spacing()), now) + s.spacing()
	t.convoy, t.riders, t.left = c, asks, now
	c.flying = append(c.flying, t)
}

// arrive notes that a call has ended.
func (t *Turn) arrive(now int64) {
	c := t.convoy
	if c == nil {
		return
	}
	// Calls end about in the order in which they left, so that it is soon found.
	if at := slices.Index(c.flying, t); at >= 0 {
		c.flying = slices.Delete(c.flying, at, at+1)
	}
	c.lasting += (now - t.left - c.lasting) / 4
	c.home = append(c.home, trip{ended: now, away: t.riders})
}

// late is how long after a call it is that nearly all are back.
func (c *convoy) late() int64 { return c.absent + 4*c.swing }

// others is how many travel, or have and may come again.
func (c *convoy) others(now int64) int {
	n := 0
	for _, h := range c.home {
		if now <= h.ended+c.late() {
			n += h.away
		}
	}
	for _, t := range c.flying {
		n += t.riders
	}
	return n
}

// comes notes an ask. It may be of one who was away.
func (c *convoy) comes(now, memory, most int64) {
	c.asks.add(1, now, memory)
	for len(c.home) > 0 && (c.home[0].away == 0 || now-c.home[0].ended > most) {
		c.home = c.home[1:]
	}
	if len(c.home) == 0 {
		return
	}
	c.home[0].away--
	took := now - c.home[0].ended
	off := took - c.absent
	c.absent += off / 32
	c.swing += (max(off, -off) - c.swing) / 32
}

// gathers gives the convoy that an ask is to wait in, nil where it has none to
// wait for.
func (s *Scheduler) gathers(a Ask, deadline, now int64) *convoy {
	c := s.convoys[a.Group]
	if a.Group == "" || c == nil {
		return nil
	}
	c.comes(now, s.window/crowded, 8*s.spacing())
	switch {
	case a.Urgent, s.groups[a.Group] != nil, deadline-now <= 3*s.spacing():
		return nil
	case c.asks.amount <= float64(s.limit())/crowded, c.parked.n == 0 && c.others(now) == 0:
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

// complete is when all are back that can come by some time, or as many as a call
// has room for.
func (c *convoy) complete(now, by int64) int64 {
	n, at := c.items, now
	for _, h := range c.home {
		if back := h.ended + c.late(); h.away > 0 && back >= now && back <= by && n < mostItems {
			n, at = n+h.away, back
		}
	}
	for _, t := range c.flying {
		if back := max(now, t.left+c.lasting) + c.late(); back <= by && n < mostItems {
			n, at = n+t.riders, back
		}
	}
	return at
}

// ripe is when a convoy stops waiting: when it is full, when all are there that
// were about or when most are and nobody has joined for a while, but not sooner
// than the budget allows.
func (s *Scheduler) ripe(c *convoy, now int64) int64 {
	if c.items >= mostItems {
		return now
	}
	spacing := s.spacing()
	last := c.complete(now, c.first+2*spacing)
	if all := min(c.parked.n+c.others(now), mostItems); 4*c.parked.n >= 3*all {
		last = min(last, now+spacing/8)
	}
	return max(last, c.due)
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
		if len(c.flying) == 0 && c.parked.n == 0 && c.left <= now-s.window/4 {
			delete(s.convoys, name)
		}
	}
}
