package budget

// waiter is one ask in the queue.
type waiter struct {
	ask Ask
	who *flow
	// seq numbers all asks that ever waited.
	seq uint64
	// deadline is when it leaves the queue.
	deadline int64
	// cost is about how many calls it will take; mark is the sum of the costs of its
	// flow before it.
	cost, mark float64
	lane       int
	group      *group
	// window is the batch window in which it waits, nil if it waits in none.
	window  *batchWindow
	links   [2]links
	limitAt int
	// ready is closed when permit or err is set.
	ready  chan struct{}
	permit *Permit
	err    error
}

func (w *waiter) decided() bool { return w.permit != nil || w.err != nil }

// ahead is about how many calls of its flow go before it.
func (w *waiter) ahead() float64 { return max(0, w.mark-w.who.dequeued) }

func (w *waiter) items() int { return max(1, w.ask.Items) }

type links struct{ prev, next *waiter }

const (
	byTenant = iota
	byGroup
)

// lane is a queue that asks can leave from its middle. by says which pair of
// links of the waiters is its own.
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

// enqueue puts an ask behind the others of its tenant.
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

// place moves a flow to its place in the heaps after its lanes changed.
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
