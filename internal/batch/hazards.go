package batch

import (
	"sync"
	"time"
)

const (
	// hazardLife is the time for which a refusal is remembered.
	hazardLife = time.Minute
	// mostHazards bounds the number of remembered refusals.
	mostHazards = 10_000
	// mostBlamed is the number of refusals within hazardLife after which the items of an owner are still
	// batched.
	mostBlamed = 1
)

// hazards remembers recent refusals and the names in flight. An item that is likely to be refused is sent
// alone, so that a refusal costs only its owner.
type hazards struct {
	mu sync.Mutex
	// seen counts refusals by name and by owner.
	seen map[hazardKey]refusals
	// inFlight counts the requests in flight by name.
	inFlight map[hazardKey]int
}

// hazardKey is a name or an owner of secrets in a store. The other field is empty.
type hazardKey struct{ account, store, name, owner string }

type refusals struct {
	times int
	until time.Time
}

func newHazards() *hazards {
	return &hazards{seen: map[hazardKey]refusals{}, inFlight: map[hazardKey]int{}}
}

// blame counts a refusal.
func (h *hazards) blame(key hazardKey, now time.Time) {
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

// times returns the number of remembered refusals. The caller holds the lock.
func (h *hazards) times(key hazardKey, now time.Time) int {
	if r := h.seen[key]; !now.After(r.until) {
		return r.times
	}
	return 0
}

// risky reports whether an item is likely to be refused.
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
		if h.inFlight[key] > 0 || h.times(key, now) > 0 || c.holds(p.op().Account, p.op().StoreID, s.Name) {
			return true
		}
	}
	return false
}

// markInFlight marks the names of an item as in flight until unmark is called.
func (c *Batcher) markInFlight(p *item) (unmark func()) {
	return c.hazards.count(p, 1)
}

func (h *hazards) count(p *item, by int) (undo func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range p.op().Secrets {
		key := p.nameKey(s.Name)
		if h.inFlight[key] += by; h.inFlight[key] <= 0 {
			delete(h.inFlight, key)
		}
	}
	return func() { h.count(p, -by) }
}

// safe returns the items that are not likely to be refused. The others will be sent alone, including the
// second of two items with the same name. The caller must call unmark after the request.
func (c *Batcher) safe(members itemList) (l itemList, unmark func()) {
	var undo []func()
	for _, p := range members {
		if c.risky(p) {
			p.tell(itemResult{again: true, group: alone})
			continue
		}
		undo = append(undo, c.markInFlight(p))
		l = append(l, p)
	}
	return l, func() {
		for _, f := range undo {
			f()
		}
	}
}

func (p *item) ownerKey() hazardKey {
	return hazardKey{account: p.op().Account, store: p.op().StoreID, owner: p.owner}
}

func (p *item) nameKey(name string) hazardKey {
	return hazardKey{account: p.op().Account, store: p.op().StoreID, name: name}
}
