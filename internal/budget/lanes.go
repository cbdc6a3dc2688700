package budget

// waiter is one ask in the queue.
type waiter struct {
	ask Ask
	who *account
	// seq is its place among all that ever waited.
	seq uint64
	// deadline is when it leaves the queue.
	deadline int64
	// cost is how many calls it will take, about; mark is what its tenant's
	// queue had cost when it came.
	cost, mark float64
	lane       int
	group      *group
	// convoy is where it waits for company, nil where it does not.
	convoy  *convoy
	links   [2]links
	limitAt int
	// ready is closed when turn or err is set.
	ready chan struct{}
	turn  *Turn
	err   error
}

func (w *waiter) decided() bool { return w.turn != nil || w.err != nil }

// ahead is how many calls of its tenant go before it, about.
func (w *waiter) ahead() float64 { return max(0, w.mark-w.who.gone) }

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
		a.ever, a.gone = 0, 0
	}
	w.mark = a.ever
	a.ever += w.cost
	if w.lane == urgentLane && a.lanes[urgentLane].n == 0 {
		a.rush = max(a.rush, s.fluid)
	}
	a.lanes[w.lane].push(w)
	s.waiting++
	s.place(a)
	s.limits.put(w)
}

// dequeue takes an ask out of all queues.
func (s *Scheduler) dequeue(w *waiter) {
	if w.convoy != nil {
		s.unpark(w)
		return
	}
	w.who.lanes[w.lane].remove(w)
	w.who.gone += w.cost
	s.waiting--
	s.place(w.who)
	s.limits.drop(w)
	s.leave(w)
}

// place puts a tenant where it belongs after its lanes changed.
func (s *Scheduler) place(a *account) {
	if a.waiting() > 0 {
		s.fair.put(a)
	} else {
		s.fair.drop(a)
	}
	if a.lanes[urgentLane].n > 0 {
		s.rush.put(a)
	} else {
		s.rush.drop(a)
	}
}

// decide ends the wait of an ask that is in no queue any more.
func (w *waiter) decide(t *Turn, err error) {
	w.turn, w.err = t, err
	if w.ready != nil {
		close(w.ready)
	}
}
