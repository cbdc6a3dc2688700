package budget

const (
	// mostItems and mostBytes are what Cloudflare takes in one call.
	mostItems = 100
	mostBytes = 8 << 20
)

// group is the waiting asks that can travel as one call.
type group struct {
	lanes map[*account]*lane
	items int
	bytes int
}

// fits is whether a parcel can go along with all that wait.
func (g *group) fits(a Ask) bool {
	return g.items+max(1, a.Items) <= mostItems && g.bytes+a.Bytes <= mostBytes
}

// join puts an ask into its group and says what it will cost: the first makes
// the call, the others take a part of it.
func (s *Scheduler) join(w *waiter) {
	w.cost = 1
	if w.ask.Group == "" {
		return
	}
	g := s.groups[w.ask.Group]
	if g == nil {
		g = &group{lanes: map[*account]*lane{}}
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

// leave takes an ask out of its group.
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

// seat is a tenant that may put parcels into a call that leaves.
type seat struct {
	who   *account
	tag   float64
	place int
}

// board picks those of a group that travel with a leader, in fair order. They
// leave the queue; the leader has left it already.
func (s *Scheduler) board(leader *waiter, g *group) []*waiter {
	items, bytes := leader.items(), leader.ask.Bytes
	seats := tree[*seat]{
		less: func(a, b *seat) bool {
			if a.tag != b.tag {
				return a.tag < b.tag
			}
			return a.who.name < b.who.name
		},
		place: func(x *seat) *int { return &x.place },
	}
	for a := range g.lanes {
		x := &seat{who: a, tag: a.tag}
		if a == leader.who {
			x.tag += float64(leader.items()) / mostItems
		}
		seats.put(x)
	}
	var aboard []*waiter
	for seats.Len() > 0 {
		next := seats.top()
		l := g.lanes[next.who]
		if l == nil {
			seats.drop(next)
			continue
		}
		w := l.head
		if items+w.items() > mostItems || bytes+w.ask.Bytes > mostBytes {
			seats.drop(next)
			continue
		}
		s.dequeue(w)
		items, bytes = items+w.items(), bytes+w.ask.Bytes
		aboard = append(aboard, w)
		next.tag += float64(w.items()) / mostItems / s.local(next.who)
		seats.put(next)
	}
	return aboard
}

// split charges each tenant its part of a call.
func (s *Scheduler) split(leader *waiter, aboard []*waiter) []charge {
	if len(aboard) == 0 {
		return []charge{s.pay(leader.who, 1)}
	}
	items := map[*account]int{leader.who: leader.items()}
	total := leader.items()
	payers := []*account{leader.who}
	for _, w := range aboard {
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
