package budget

// waiter is a waiting ask.
type waiter struct {
	ask Ask
	who *flow
	// seq numbers the waiters.
	seq uint64
	// deadline is the time at which the waiter leaves the queue.
	deadline int64
	// cost is the approximate number of calls. mark is the sum of the costs of earlier waiters of the flow.
	cost, mark float64
	lane       int
	group      *group
	// window is the batch window, nil if the ask is not in a window.
	window  *batchWindow
	links   [2]links
	limitAt int
	// ready is closed after permit or err is set.
	ready  chan struct{}
	permit *Permit
	err    error
}

func (w *waiter) decided() bool { return w.permit != nil || w.err != nil }

// ahead returns the approximate number of calls of the flow that go first.
func (w *waiter) ahead() float64 { return max(0, w.mark-w.who.dequeued) }

func (w *waiter) items() int { return max(1, w.ask.Items) }

type links struct{ prev, next *waiter }

const (
	byTenant = iota
	byGroup
)

// lane is a queue with removal from the middle. by selects the pair of links of the waiters.
type lane struct {
	by         int
	head, tail *waiter
	n          int
}

func (l *lane) push(w *waiter) {
	w.links[l.by] = links{prev: l.tail}
	if l.tail != nil {
		l.tail.links[l.by].next = w
	} else {
		l.head = w
	}
	l.tail = w
	l.n++
}

func (l *lane) remove(w *waiter) {
	at := w.links[l.by]
	if at.prev != nil {
		at.prev.links[l.by].next = at.next
	} else {
		l.head = at.next
	}
	if at.next != nil {
		at.next.links[l.by].prev = at.prev
	} else {
		l.tail = at.prev
	}
	w.links[l.by] = links{}
	l.n--
}

// enqueue appends an ask to the queue of its tenant.
func (s *Scheduler) enqueue(w *waiter) {
	a := w.who
	s.seq++
	w.seq = s.seq
	s.join(w)
	if a.waiting() == 0 {
		a.tag = max(a.tag, s.virtual)
		a.enqueued, a.dequeued = 0, 0
	}
	w.mark = a.enqueued
	a.enqueued += w.cost
	if w.lane == urgentLane && a.lanes[urgentLane].n == 0 {
		a.urgentTag = max(a.urgentTag, s.fluid)
	}
	a.lanes[w.lane].push(w)
	s.waiting++
	s.place(a)
	s.limits.put(w)
}

// dequeue takes an ask out of all queues.
func (s *Scheduler) dequeue(w *waiter) {
	if w.window != nil {
		s.leaveWindow(w)
		return
	}
	w.who.lanes[w.lane].remove(w)
	w.who.dequeued += w.cost
	s.waiting--
	s.place(w.who)
	s.limits.drop(w)
	s.leave(w)
}

// place updates the positions of a flow in the heaps after a change of its lanes.
func (s *Scheduler) place(a *flow) {
	if a.waiting() > 0 {
		s.fair.put(a)
	} else {
		s.fair.drop(a)
	}
	if a.lanes[urgentLane].n > 0 {
		s.urgent.put(a)
	} else {
		s.urgent.drop(a)
	}
}

// decide ends the wait of an ask that is in no queue.
func (w *waiter) decide(t *Permit, err error) {
	w.permit, w.err = t, err
	if w.ready != nil {
		close(w.ready)
	}
}
