package connlimit

// connGroup is a set of connections with a limit for all and a limit per owner.
type connGroup struct {
	max, maxPerOwner int

	all    map[*Conn]struct{}
	counts map[string]int
}

func newConnGroup(most, mostPerOwner int) connGroup {
	return connGroup{max: most, maxPerOwner: mostPerOwner, all: map[*Conn]struct{}{}, counts: map[string]int{}}
}

// add adds a connection. It returns the connection to close in exchange, if any.
func (g *connGroup) add(c *Conn) *Conn {
	g.all[c] = struct{}{}
	g.counts[c.owner]++
	switch {
	case g.counts[c.owner] > g.maxPerOwner:
		return g.idlest(c, func(other *Conn) bool { return other.owner == c.owner })
	case len(g.all) > g.max:
		largest := 0
		for _, n := range g.counts {
			largest = max(largest, n)
		}
		return g.idlest(c, func(other *Conn) bool { return g.counts[other.owner] == largest })
	}
	return nil
}

func (g *connGroup) remove(c *Conn) {
	delete(g.all, c)
	if g.counts[c.owner]--; g.counts[c.owner] == 0 {
		delete(g.counts, c.owner)
	}
}

// idlest returns the connection that has been idle for the longest time, among those that may be closed. It
// returns the newest connection only if there is no other.
func (g *connGroup) idlest(newest *Conn, mayGo func(*Conn) bool) *Conn {
	found := newest
	for c := range g.all {
		if c != newest && mayGo(c) && (found == newest || c.lastRead.Load() < found.lastRead.Load()) {
			found = c
		}
	}
	return found
}
