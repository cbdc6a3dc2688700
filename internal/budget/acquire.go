package budget

import (
	"context"
	"errors"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// mostOfOne and mostOfAll are how many asks can wait, of a tenant and of
	// all. They bound memory; a wait that long is refused before.
	mostOfOne = 2000
	mostOfAll = 20000
)

// Acquire waits for the turn to make one call. It refuses with a Throttled
// fault and the reason BUDGET_SPENT, and with RetryAfter set, as soon as it is
// clear that the turn will not come before the ask's Deadline, the end of ctx
// or of the ask's Wanted, or MaxWait: mostly at once. A
// context that is cancelled gives a Canceled fault, one that was over at the
// start a Deadline fault, and a closed scheduler an Unavailable fault.
//
// A turn that is not carried must be ended with Done.
func (s *Scheduler) Acquire(ctx context.Context, a Ask) (*Turn, error) {
	patience, err := patienceOf(ctx, a)
	if err != nil {
		return nil, err
	}
	raised := a.Urged
	a.Urgent = a.Urgent || isRaised(raised)
	w, t, err := s.admit(ctx, patience, a)
	if w == nil {
		return t, err
	}
	for {
		select {
		case <-w.ready:
			return w.turn, w.err
		case <-raised:
			raised = nil
			s.promote(w)
		case <-ctx.Done():
			return s.quit(w, ctx.Err())
		case <-patience.Done():
			return s.quit(w, patience.Err())
		}
	}
}

// Check gives the fault that Acquire would refuse an ask with now, nil where it
// would not. It waits for nothing and takes nothing. An Acquire that follows can
// be refused yet: others may come first. It is for those who do dear work before
// they ask: who is told no here is not to ask at once again, since that would
// count as demand twice.
func (s *Scheduler) Check(ctx context.Context, a Ask) error {
	patience, err := patienceOf(ctx, a)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return stopped()
	}
	now := s.now()
	s.settle(now)
	who, deadline := s.account(a.Tenant, now), s.deadline(ctx, patience, a, now)
	if deadline >= now {
		if _, ok := s.immediate(who, a.Urgent, now); ok {
			return nil
		}
	}
	return s.turnDown(who, a, deadline-now, now)
}

// patienceOf is the context that an ask waits with beside its own.
func patienceOf(ctx context.Context, a Ask) (context.Context, error) {
	patience := a.Wanted
	if patience == nil {
		patience = ctx
	}
	if err := errors.Join(ctx.Err(), patience.Err()); err != nil {
		return nil, fault.From(err)
	}
	return patience, nil
}

// turnDown refuses an ask that would have to wait longer than it can.
func (s *Scheduler) turnDown(who *account, a Ask, patience, now int64) error {
	full := who.waiting() >= mostOfOne || s.waiting >= mostOfAll
	if !full && s.served(who, a, patience, now) {
		return nil
	}
	s.miss(who, now)
	return s.refusal(who, s.waitOf(who, a, now), now)
}

// admit gives a turn or a refusal, or the place in the queue to wait at.
func (s *Scheduler) admit(ctx, patience context.Context, a Ask) (*waiter, *Turn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, stopped()
	}
	now := s.now()
	s.settle(now)
	who := s.account(a.Tenant, now)
	deadline := s.deadline(ctx, patience, a, now)
	company := s.gathers(a, deadline, now)
	if deadline >= now && company == nil {
		if t := s.direct(who, a, now); t != nil {
			return nil, t, nil
		}
	}
	if err := s.turnDown(who, a, deadline-now, now); err != nil {
		return nil, nil, err
	}
	w := &waiter{ask: a, who: who, deadline: deadline, lane: normalLane}
	if a.Urgent {
		w.lane = urgentLane
	}
	if company == nil || !s.park(w, company, now) {
		s.enqueue(w)
	}
	s.run(now)
	if w.decided() {
		return nil, w.turn, w.err
	}
	w.ready = make(chan struct{})
	return w, nil, nil
}

// deadline is when an ask must have its turn.
func (s *Scheduler) deadline(ctx, patience context.Context, a Ask, now int64) int64 {
	last := int64(never)
	if s.cfg.MaxWait > 0 {
		last = now + int64(s.cfg.MaxWait)
	}
	if !a.Deadline.IsZero() {
		last = min(last, s.when(a.Deadline))
	}
	for _, c := range [2]context.Context{ctx, patience} {
		if at, ok := c.Deadline(); ok {
			last = min(last, s.when(at))
		}
	}
	return last
}

// quit takes an ask out of the queue whose caller does not wait any more. A
// turn that came in the same moment is kept: a parcel may be under way.
func (s *Scheduler) quit(w *waiter, why error) (*Turn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.decided() {
		return w.turn, w.err
	}
	now := s.now()
	s.settle(now)
	if errors.Is(why, context.DeadlineExceeded) {
		s.turnAway(w, now)
	} else {
		s.dequeue(w)
		w.decide(nil, fault.From(why))
	}
	s.run(now)
	return w.turn, w.err
}

// refusal is what one hears whose turn does not come in time.
func (s *Scheduler) refusal(a *account, wait, now int64) error {
	text := fmt.Sprintf("This tenant's share of Cloudflare's call budget allows no call in the time that this one can wait: "+
		"%d of its %d calls in %s are used.", a.calls(), s.quota(a), s.cfg.Window)
	if now < s.throttle.until {
		text = "Cloudflare refuses all calls at the moment, so no tenant can use its share of the call budget."
	}
	f := fault.New(fault.Throttled, fault.ReasonBudgetSpent, text)
	f.RetryAfter = max(time.Second, time.Duration(wait))
	return f
}
