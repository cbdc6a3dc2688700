package budget

import (
	"context"
	"errors"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxWaitingPerFlow and maxWaiting are the maximum numbers of waiting asks, per tenant and in total. They
	// bound memory. An ask that cannot be served in time is refused before these limits matter.
	maxWaitingPerFlow = 2000
	maxWaiting        = 20000
)

// Acquire waits for the permit to make one call. It returns a Throttled fault with the reason BUDGET_SPENT
// and RetryAfter as soon as the permit cannot be granted before the ask's Deadline, the end of ctx or of the
// ask's Wanted, or MaxWait: mostly at once. A cancelled context gives a Canceled fault, an expired context a
// Deadline fault, and a closed scheduler an Unavailable fault.
//
// A permit that has not joined the call of another ask must be ended with Done.
func (s *Scheduler) Acquire(ctx context.Context, a Ask) (*Permit, error) {
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
			return w.permit, w.err
		case <-raised:
			raised = nil
			s.promote(w)
		case <-ctx.Done():
			return s.abandon(w, ctx.Err())
		case <-patience.Done():
			return s.abandon(w, patience.Err())
		}
	}
}

// Check returns the fault with which Acquire would refuse an ask now, or nil. It neither waits nor takes a
// slot. A later Acquire may still be refused, because other asks may come first. Check is for callers with
// expensive work before the ask. A caller that is refused must not ask again at once, because that would
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
	s.advance(now)
	who, deadline := s.flowOf(a.Tenant, now), s.deadline(ctx, patience, a, now)
	if deadline >= now {
		if _, ok := s.immediate(who, a.Urgent, now); ok {
			return nil
		}
	}
	return s.refuseHopeless(who, a, deadline-now, now)
}

// patienceOf returns the second context that bounds the wait of an ask.
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

// refuseHopeless refuses an ask that cannot be served in time.
func (s *Scheduler) refuseHopeless(who *flow, a Ask, patience, now int64) error {
	full := who.waiting() >= maxWaitingPerFlow || s.waiting >= maxWaiting
	if !full && s.served(who, a, patience, now) {
		return nil
	}
	s.miss(who, now)
	return s.refusal(who, s.waitOf(who, a, now), now)
}

// admit returns a permit, a refusal, or the waiter that was put into the queue.
func (s *Scheduler) admit(ctx, patience context.Context, a Ask) (*waiter, *Permit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, stopped()
	}
	now := s.now()
	s.advance(now)
	who := s.flowOf(a.Tenant, now)
	deadline := s.deadline(ctx, patience, a, now)
	company := s.windowFor(a, deadline, now)
	if deadline >= now && company == nil {
		if t := s.direct(who, a, now); t != nil {
			return nil, t, nil
		}
	}
	if err := s.refuseHopeless(who, a, deadline-now, now); err != nil {
		return nil, nil, err
	}
	w := &waiter{ask: a, who: who, deadline: deadline, lane: normalLane}
	if a.Urgent {
		w.lane = urgentLane
	}
	if company == nil || !s.linger(w, company, now) {
		s.enqueue(w)
	}
	s.run(now)
	if w.decided() {
		return nil, w.permit, w.err
	}
	w.ready = make(chan struct{})
	return w, nil, nil
}

// deadline returns the time at which an ask must have its permit.
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

// abandon removes an ask from the queue after its caller has stopped waiting. A permit granted in the same
// moment is kept, because the ask may have joined a call.
func (s *Scheduler) abandon(w *waiter, why error) (*Permit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.decided() {
		return w.permit, w.err
	}
	now := s.now()
	s.advance(now)
	if errors.Is(why, context.DeadlineExceeded) {
		s.refuse(w, now)
	} else {
		s.dequeue(w)
		w.decide(nil, fault.From(why))
	}
	s.run(now)
	return w.permit, w.err
}

// refusal is the fault of an ask that cannot be served in time.
func (s *Scheduler) refusal(a *flow, wait, now int64) error {
	text := fmt.Sprintf("This tenant's share of Cloudflare's call budget allows no call in the time that this one can wait: "+
		"%d of its %d calls in %s are used.", a.calls(), s.quota(a), s.cfg.Window)
	if now < s.throttle.until {
		text = "Cloudflare refuses all calls at the moment, so no tenant can use its share of the call budget."
	}
	f := fault.New(fault.Throttled, fault.ReasonBudgetSpent, text)
	f.RetryAfter = max(time.Second, time.Duration(wait))
	return f
}
