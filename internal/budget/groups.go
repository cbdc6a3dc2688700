package budget

const (
	// mostItems and mostBytes are Cloudflare's limits for one call.
	mostItems = 100
	mostBytes = 8 << 20
)

// group holds the waiting asks that can share one call.
type group struct {
	lanes map[*flow]*lane
	items int
	bytes int
}

// fits reports whether an ask fits into one call with all waiting asks.
func (g *group) fits(a Ask) bool {
	return g.items+max(1, a.Items) <= mostItems && g.bytes+a.Bytes <= mostBytes
}

// join adds an ask to its group and sets its cost. The first ask costs a whole call, the others a fraction.
func (s *Scheduler) join(w *waiter) {
	w.cost = 1
	if w.ask.Group == "" {
		return
	}
	g := s.groups[w.ask.Group]
	if g == nil {
		g = &group{lanes: map[*flow]*lane{}}
		s.groups[w.ask.Group] = g
	} else {
		w.cost = min(1, max(float64(w.items())/mostItems, float64(w.ask.Bytes)/mostBytes))
	}
	if g.lanes[w.who] == nil {
		g.lanes[w.who] = &lane{by: byGroup}
	}
	g.lanes[w.who].push(w)
	g.items += w.items()
	g.bytes += w.ask.Bytes
	w.group = g
}

// leave removes an ask from its group.
func (s *Scheduler) leave(w *waiter) {
	g := w.group
	if g == nil {
		return
	}
	l := g.lanes[w.who]
	l.remove(w)
	if l.n == 0 {
		delete(g.lanes, w.who)
	}
	if len(g.lanes) == 0 {
		delete(s.groups, w.ask.Group)
	}
	g.items -= w.items()
	g.bytes -= w.ask.Bytes
	w.group = nil
}

// candidate is a tenant with asks that may join a call.
type candidate struct {
	who   *flow
	tag   float64
	place int
}

// collect takes the asks of a group that join the call of a leader out of the
// queue, in fair order. The leader has left the queue already.
func (s *Scheduler) collect(leader *waiter, g *group) []*waiter {
	items, bytes := leader.items(), leader.ask.Bytes
	candidates := indexedHeap[*candidate]{
		less: func(a, b *candidate) bool {
			if a.tag != b.tag {
				return a.tag < b.tag
			}
			return a.who.name < b.who.name
		},
		place: func(x *candidate) *int { return &x.place },
	}
	for a := range g.lanes {
		x := &candidate{who: a, tag: a.tag}
		if a == leader.who {
			x.tag += float64(leader.items()) / mostItems
		}
		candidates.put(x)
	}
	var joined []*waiter
	for candidates.Len() > 0 {
		next := candidates.top()
		l := g.lanes[next.who]
		if l == nil {
			candidates.drop(next)
			continue
		}
		w := l.head
		if items+w.items() > mostItems || bytes+w.ask.Bytes > mostBytes {
			candidates.drop(next)
			continue
		}
		s.dequeue(w)
		items, bytes = items+w.items(), bytes+w.ask.Bytes
		joined = append(joined, w)
		next.tag += float64(w.items()) / mostItems / s.local(next.who)
		candidates.put(next)
	}
	return joined
}

// split charges each tenant its fraction of a call.
func (s *Scheduler) split(leader *waiter, joined []*waiter) []charge {
	if len(joined) == 0 {
		return []charge{s.pay(leader.who, 1)}
	}
	items := map[*flow]int{leader.who: leader.items()}
	total := leader.items()
	payers := []*flow{leader.who}
	for _, w := range joined {
		if items[w.who] == 0 {
			payers = append(payers, w.who)
		}
		items[w.who] += w.items()
		total += w.items()
	}
	bill := make([]charge, 0, len(payers))
	for _, a := range payers {
		bill = append(bill, s.pay(a, float64(items[a])/float64(total)))
	}
	return bill
}
