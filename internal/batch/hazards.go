package batch

import (
	"sync"
	"time"
)

const (
	// hazardLife is how long a refusal is remembered.
	hazardLife = time.Minute
	// mostHazards bounds how many refusals are remembered.
	mostHazards = 10_000
	// mostBlamed is how many refusals of an owner's items in hazardLife leave it
	// in company.
	mostBlamed = 1
)

// hazards remembers what made Cloudflare refuse calls lately, and the names that
// are under way. What is likely to be refused travels alone, so that its owner
// alone pays for the refusal.
type hazards struct {
	mu sync.Mutex
	// seen counts refusals by name and by owner.
	seen map[string]refusals
	// flying counts the calls that are under way with a name.
	flying map[string]int
}

type refusals struct {
	times int
	until time.Time
}

func newHazards() *hazards {
	return &hazards{seen: map[string]refusals{}, flying: map[string]int{}}
}

// blame counts a refusal.
func (h *hazards) blame(key string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.seen) >= mostHazards {
		for key, r := range h.seen {
			if now.After(r.until) {
				delete(h.seen, key)
			}
		}
	}
	if _, known := h.seen[key]; !known && len(h.seen) >= mostHazards {
		return
	}
	h.seen[key] = refusals{times: h.times(key, now) + 1, until: now.Add(hazardLife)}
}

// times is how many refusals are remembered; the caller holds the lock.
func (h *hazards) times(key string, now time.Time) int {
	if r := h.seen[key]; !now.After(r.until) {
		return r.times
	}
	return 0
}

// risky says whether an item is likely to be refused.
func (c *Batcher) risky(p *item) bool {
	now := c.clock()
	h := c.hazards
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.owner != "" && h.times(p.ownerKey(), now) > mostBlamed {
		return true
	}
	for _, s := range p.op().Secrets {
		key := p.nameKey(s.Name)
		if h.flying[key] > 0 || h.times(key, now) > 0 || c.holds(p.op().Account, p.op().StoreID, s.Name) {
			return true
		}
	}
	return false
}

// depart notes that the names of an item are under way, until the function that
// it returns is called.
func (c *Batcher) depart(p *item) (arrive func()) {
	return c.hazards.count(p, 1)
}

func (h *hazards) count(p *item, by int) (undo func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range p.op().Secrets {
		key := p.nameKey(s.Name)
		if h.flying[key] += by; h.flying[key] <= 0 {
			delete(h.flying, key)
		}
	}
	return func() { h.count(p, -by) }
}

// safe leaves those items of a company that are not likely to be refused, and
// sends the others on their own. Of two items with the same name the second is
// one of these. arrive is called when the call has ended.
func (c *Batcher) safe(company itemList) (l itemList, arrive func()) {
	var undo []func()
	for _, p := range company {
		if c.risky(p) {
			p.tell(itemResult{again: true, group: alone})
			continue
		}
		undo = append(undo, c.depart(p))
		l = append(l, p)
	}
	return l, func() {
		for _, f := range undo {
			f()
		}
	}
}

func (p *item) ownerKey() string { return "owner " + p.home() + "/" + p.owner }

func (p *item) nameKey(name string) string { return "name " + p.home() + "/" + name }
