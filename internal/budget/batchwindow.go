package budget

import "slices"

// Batch windows. If the asks of a group arrive faster than the budget allows calls, an ask waits for a short
// time, so that other asks can join its call. Databases call this a group-commit delay. Below that rate, and
// without other asks in the group, no ask waits.
//
// Callers that make changes one after another ask again soon after their call has ended. Waiting for the
// members of a batch in flight is therefore worthwhile: one call with all members after each return is more
// efficient than two calls with half of the members each.

const (
	// crowdedPart is a divisor of the window. A group whose asks within that part of the window use the same
	// part of the budget would spend all of it.
	crowdedPart = 10
	// maxSaved is the maximum number of unused calls of a group that can be made later.
	maxSaved = 2
)

// finishedBatch is a batch whose call has ended.
type finishedBatch struct {
	// ended is the end of the call, and away the number of members that have not returned yet.
	ended int64
	away  int
}

// batchWindow is the state of a group with recent calls.
type batchWindow struct {
	// asks counts recent asks.
	asks ewma
	// sent is when the last call was sent, nextDue when the budget allows the next.
	sent, nextDue int64
	// inFlight are the calls in flight. finished are ended calls whose members may return. Both are sorted by
	// time.
	inFlight []*Permit
	finished []finishedBatch
	// callTime is the running mean of the duration of a call, and returnTime of the time until a member
	// returns. returnDeviation is the deviation of returnTime.
	callTime, returnTime, returnDeviation int64
	// members are the asks that wait in the window and in no other queue. items and bytes are sums over them.
	members      lane
	items, bytes int
	// first is the arrival of the first member, and closesAt the time at which the window closes.
	first, closesAt int64
	// heapAt is the index in Scheduler.openWindows.
	heapAt int
}

// spacing returns the time per call that the budget allows.
func (s *Scheduler) spacing() int64 { return max(1, s.window/int64(max(1, s.limit()))) }

// noteSent records a call of a group with a number of asks.
func (s *Scheduler) noteSent(t *Permit, group string, asks int, now int64) {
	if group == "" {
		return
	}
	c := s.batchWindows[group]
	if c == nil {
		c = &batchWindow{members: lane{by: byTenant}}
		s.batchWindows[group] = c
	}
	c.sent = now
	c.nextDue = min(max(c.nextDue, now-maxSaved*s.spacing()), now) + s.spacing()
	t.window, t.size, t.sent = c, asks, now
	c.inFlight = append(c.inFlight, t)
}

// noteEnded records that a call has ended.
func (t *Permit) noteEnded(now int64) {
	c := t.window
	if c == nil {
		return
	}
	// Calls end about in the order in which they were sent, so the search is short.
	if at := slices.Index(c.inFlight, t); at >= 0 {
		c.inFlight = slices.Delete(c.inFlight, at, at+1)
	}
	c.callTime += (now - t.sent - c.callTime) / 4
	c.finished = append(c.finished, finishedBatch{ended: now, away: t.size})
}

// returnDelay is the time after a call within which nearly all members return.
func (c *batchWindow) returnDelay() int64 { return c.returnTime + 4*c.returnDeviation }

// expected is how many members are in flight or may return.
func (c *batchWindow) expected(now int64) int {
	n := 0
	for _, h := range c.finished {
		if now <= h.ended+c.returnDelay() {
			n += h.away
		}
	}
	for _, t := range c.inFlight {
		n += t.size
	}
	return n
}

// observe records an ask, which may be that of a member that returns.
func (c *batchWindow) observe(now, memory, most int64) {
	c.asks.add(1, now, memory)
	for len(c.finished) > 0 && (c.finished[0].away == 0 || now-c.finished[0].ended > most) {
		c.finished = c.finished[1:]
	}
	if len(c.finished) == 0 {
		return
	}
	c.finished[0].away--
	took := now - c.finished[0].ended
	off := took - c.returnTime
	c.returnTime += off / 32
	c.returnDeviation += (max(off, -off) - c.returnDeviation) / 32
}

// windowFor returns the window in which an ask must wait, nil if the ask need not wait.
func (s *Scheduler) windowFor(a Ask, deadline, now int64) *batchWindow {
	c := s.batchWindows[a.Group]
	if a.Group == "" || c == nil {
		return nil
	}
	c.observe(now, s.window/crowdedPart, 8*s.spacing())
	switch {
	case a.Urgent, s.groups[a.Group] != nil, deadline-now <= 3*s.spacing():
		return nil
	case c.asks.amount <= float64(s.limit())/crowdedPart, c.members.n == 0 && c.expected(now) == 0:
		return nil
	}
	return c
}

// linger puts an ask into a window. If there is no room the window closes, and
// linger returns false.
func (s *Scheduler) linger(w *waiter, c *batchWindow, now int64) bool {
	if c.members.n > 0 && (c.items+w.items() > mostItems || c.bytes+w.ask.Bytes > mostBytes) {
		s.closeWindow(c)
		return false
	}
	if c.members.n == 0 {
		c.first = now
	}
	c.members.push(w)
	c.items, c.bytes = c.items+w.items(), c.bytes+w.ask.Bytes
	w.window = c
	s.lingering++
	s.limits.put(w)
	c.closesAt = s.closeTime(c, now)
	s.openWindows.put(c)
	return true
}

// leaveWindow removes an ask from its window.
func (s *Scheduler) leaveWindow(w *waiter) {
	c := w.window
	c.members.remove(w)
	c.items, c.bytes = c.items-w.items(), c.bytes-w.ask.Bytes
	w.window = nil
	s.lingering--
	s.limits.drop(w)
	if c.members.n == 0 {
		s.openWindows.drop(c)
	}
}

// complete is when all members have returned that can return by some time, or as
// many as a call has room for.
func (c *batchWindow) complete(now, by int64) int64 {
	n, at := c.items, now
	for _, h := range c.finished {
		if back := h.ended + c.returnDelay(); h.away > 0 && back >= now && back <= by && n < mostItems {
			n, at = n+h.away, back
		}
	}
	for _, t := range c.inFlight {
		if back := max(now, t.sent+c.callTime) + c.returnDelay(); back <= by && n < mostItems {
			n, at = n+t.size, back
		}
	}
	return at
}

// closeTime returns the time at which a window closes: when the window is full, when all expected members
// have joined, or when most have joined and none has joined for a while, but not before the budget allows a
// call.
func (s *Scheduler) closeTime(c *batchWindow, now int64) int64 {
	if c.items >= mostItems {
		return now
	}
	spacing := s.spacing()
	last := c.complete(now, c.first+2*spacing)
	if all := min(c.members.n+c.expected(now), mostItems); 4*c.members.n >= 3*all {
		last = min(last, now+spacing/8)
	}
	return max(last, c.nextDue)
}

// closeDue closes the windows that are due.
func (s *Scheduler) closeDue(now int64) {
	for s.openWindows.Len() > 0 && s.openWindows.top().closesAt <= now {
		s.closeWindow(s.openWindows.top())
	}
}

// closeWindow moves the members of a window into the queue.
func (s *Scheduler) closeWindow(c *batchWindow) {
	for w := c.members.head; w != nil; w = c.members.head {
		s.leaveWindow(w)
		s.enqueue(w)
	}
}

// forgetWindows forgets the groups that made no call for a while.
func (s *Scheduler) forgetWindows(now int64) {
	for name, c := range s.batchWindows {
		if len(c.inFlight) == 0 && c.members.n == 0 && c.sent <= now-s.window/4 {
			delete(s.batchWindows, name)
		}
	}
}
