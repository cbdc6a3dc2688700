package budget

import "time"

// Share is a tenant's part of the budget, in the terms of rate-limit headers.
type Share struct {
	// Quota is the tenant's fair share in calls per Window, among the tenants active in the last window. The
	// tenant can make more calls while others use less.
	Quota int
	// Remaining is the number of calls left of Quota.
	Remaining int
	// Reset is the time until the next call can begin if nothing remains. Otherwise it is the time until the
	// oldest call no longer counts.
	Reset time.Duration
	// Window is the time over which calls are counted.
	Window time.Duration
}

// Turn describes the waiting of a tenant.
type Turn struct {
	// Waiting is the number of asks of the tenant that wait at this scheduler.
	Waiting int
	// Next is the approximate wait of an ask that the tenant makes now.
	Next time.Duration
}

// Share returns a tenant's share of the budget.
func (s *Scheduler) Share(tenant string) Share {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	a := s.flows[tenant]
	if a == nil {
		a = &flow{name: tenant, weight: s.weigh(tenant), tag: s.virtual, urgentTag: s.fluid}
	}
	return s.share(a, now)
}

// Turn describes the waiting of a tenant. Its cost grows with the number of waiting asks.
func (s *Scheduler) Turn(tenant string) Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	a := s.flows[tenant]
	if a == nil {
		a = &flow{name: tenant, weight: s.weigh(tenant), tag: s.virtual, urgentTag: s.fluid}
	}
	v := Turn{Next: time.Duration(max(0, s.waitOf(a, Ask{Tenant: tenant}, now)))}
	for _, w := range s.limits.items {
		if w.ask.Tenant == tenant {
			v.Waiting++
		}
	}
	return v
}

func (s *Scheduler) share(a *flow, now int64) Share {
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

// quota is the fair share of a flow in calls per window.
func (s *Scheduler) quota(a *flow) int {
	weights := s.weights
	if s.flows[a.name] == nil {
		weights += a.weight
	}
	limit, weight := float64(s.limit()), a.weight
	most := s.limit()
	if s.elsewhere != nil && s.own > 0 {
		// Slots move to where they are needed, so the whole budget counts.
		limit, weight = limit*float64(s.cfg.Calls)/float64(s.own), s.local(a)
		most = int(limit)
	}
	return max(1, min(most, int(limit*weight/(weights+s.unknownWeight)+1e-6)))
}

// State is the state of a scheduler, for metrics.
type State struct {
	// Own is the number of own slots, including those left to calls from outside.
	Own int
	// Limit is the number of usable slots, Used the number of held slots, and InFlight the number of calls in
	// flight.
	Limit, Used, InFlight int
	// Waiting is the number of waiting asks.
	Waiting int
	// Outside is the number of slots left to calls made outside of Storekeeper.
	Outside int
	// BlockedUntil is the end of the current block, zero if there is none.
	BlockedUntil time.Time
	// Tenants are the calls in the window by paying tenant. A shared call counts as a fraction for each
	// tenant.
	Tenants map[string]float64
}

// State returns the state of the scheduler.
func (s *Scheduler) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	v := State{
		Own:      s.own,
		Limit:    s.limit(),
		Used:     s.spent.held(),
		InFlight: s.spent.inFlight,
		Waiting:  s.waiting + s.lingering,
		Outside:  s.throttle.outside,
		Tenants:  make(map[string]float64, len(s.flows)),
	}
	if now < s.throttle.until {
		v.BlockedUntil = s.start.Add(time.Duration(s.throttle.until))
	}
	for name, a := range s.flows {
		v.Tenants[name] = a.used
	}
	return v
}
