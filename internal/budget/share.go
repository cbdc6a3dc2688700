package budget

import "time"

// Share is a tenant's part of the budget now, as a caller is told it.
type Share struct {
	// Quota is how many calls per Window are the tenant's, among those tenants
	// that made or wanted calls in the last one. Where others leave theirs it
	// gets more than that.
	Quota int
	// Remaining is how many of them are left now.
	Remaining int
	// Reset is when its next call can begin where nothing remains, and else
	// when the oldest of its calls no longer counts.
	Reset time.Duration
	// Window is the time over which calls are counted.
	Window time.Duration
}

// Share tells a tenant's part of the budget.
func (s *Scheduler) Share(tenant string) Share {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	a := s.accounts[tenant]
	if a == nil {
		a = &account{name: tenant, weight: s.weigh(tenant), tag: s.virtual, rush: s.fluid}
	}
	return s.share(a, now)
}

func (s *Scheduler) share(a *account, now int64) Share {
	v := Share{Window: s.cfg.Window, Reset: s.cfg.Window, Quota: s.quota(a)}
	if now >= s.throttle.until {
		free := s.free() - s.reserve() + s.coming
		v.Remaining = max(0, min(free, v.Quota-a.calls()))
	}
	switch {
	case v.Remaining == 0:
		v.Reset = time.Duration(s.waitOf(a, Ask{Tenant: a.name}, now))
	case a.slots.n > 0:
		v.Reset = time.Duration(a.slots.at(0).until - now)
	}
	return v
}

// quota is how many calls per window are a tenant's.
func (s *Scheduler) quota(a *account) int {
	weights := s.weights
	if s.accounts[a.name] == nil {
		weights += a.weight
	}
	limit, weight := float64(s.limit()), a.weight
	most := s.limit()
	if s.elsewhere != nil && s.own > 0 {
		// Slots move to where they are wanted, so the whole budget counts.
		limit, weight = limit*float64(s.cfg.Calls)/float64(s.own), s.local(a)
		most = int(limit)
	}
	return max(1, min(most, int(limit*weight/(weights+s.strangers)+1e-6)))
}

// State is what there is to see of a scheduler.
type State struct {
	// Own is how many slots are owned, those left to others outside included.
	Own int
	// Limit is how many slots there are now, Used how many are held, Flying
	// how many calls are under way.
	Limit, Used, Flying int
	// Waiting is how many asks wait.
	Waiting int
	// Outside is how many slots are left to calls made outside of Storekeeper.
	Outside int
	// BlockedUntil is when Cloudflare answers again, zero where it does now.
	BlockedUntil time.Time
	// Tenants are the calls that each tenant pays for in the window. A call
	// that several share counts as a part for each.
	Tenants map[string]float64
}

// State tells what there is to see now.
func (s *Scheduler) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	v := State{
		Own:     s.own,
		Limit:   s.limit(),
		Used:    s.spent.held(),
		Flying:  s.spent.flying,
		Waiting: s.waiting + s.parked,
		Outside: s.throttle.outside,
		Tenants: make(map[string]float64, len(s.accounts)),
	}
	if now < s.throttle.until {
		v.BlockedUntil = s.start.Add(time.Duration(s.throttle.until))
	}
	for name, a := range s.accounts {
		v.Tenants[name] = a.used
	}
	return v
}
