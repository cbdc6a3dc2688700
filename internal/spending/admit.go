package spending

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// shortBlock is a divisor of the window: a 429 with a shorter Retry-After is not about the budget of the
// window.
const shortBlock = 10

// Admit waits for the permit to send one request to Cloudflare. The caller must call ended after the request.
// If ctx belongs to a change that has a permit, the request uses that permit. The errors are those of
// budget.Scheduler.Acquire and change.MayLeave, and BUDGET_UNKNOWN if usage cannot be checkpointed.
func (b *Budgets) Admit(ctx context.Context, a upstream.Ask) (ended func(upstream.Attempt), err error) {
	by := change.From(ctx)
	permit := permitOf(by)
	if permit == nil || !permit.Take() {
		if permit, err = b.Acquire(ctx, a.Account, by, budget.Ask{Urgent: b.urgent(ctx, a.Operation)}); err != nil {
			return nil, err
		}
	}
	if err := b.precheck(ctx, a); err != nil {
		permit.Done(budget.Result{})
		return nil, err
	}
	b.tell("sent", a)
	return func(at upstream.Attempt) {
		r := resultOf(at)
		b.observe(ctx, a.Account, &r)
		permit.Done(r)
		if a.Changes && !at.Unsent {
			b.tellLate(by, at)
		}
		b.tell("executed", a)
	}, nil
}

// permitOf returns the permit of a change for its next request, nil if there is none.
func permitOf(by *change.Attempt) *budget.Permit {
	if by == nil {
		return nil
	}
	return by.Permit
}

// precheck returns an error if a request must not be sent although it has its permit.
func (b *Budgets) precheck(ctx context.Context, a upstream.Ask) error {
	if err := b.byAccount[a.Account].usage.spend(ctx); err != nil || !a.Changes {
		return err
	}
	// The lease is checked last, because the other check can wait. It is checked again when the request has
	// its connection.
	return change.MayLeave(ctx)
}

// tellLate reports each change of a request that ended after the lease of the change. It does not report a
// change that was cut off by the stop of this process: the stop ended the lease, and recovery determines the
// outcome after the restart.
func (b *Budgets) tellLate(by *change.Attempt, at upstream.Attempt) {
	if b.cfg.Late == nil || by == nil {
		return
	}
	for _, one := range by.Leaving() {
		if !one.Owned() && !one.CutOff() {
			b.cfg.Late(one, at)
		}
	}
}

// observe checkpoints a 429 for other replicas and for the time after a restart. A short 429 concerns calls
// per second or comes from a proxy before the API. It stops calls too, but shows nothing about spending
// outside Storekeeper.
func (b *Budgets) observe(ctx context.Context, account string, r *budget.Result) {
	if !r.Throttled {
		return
	}
	one := b.byAccount[account]
	one.refusedUntil(time.Now().Add(r.RetryAfter).UnixNano())
	one.usage.keepRefusal(ctx)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	if r.RetryAfter < b.cfg.Window/shortBlock {
		one.Block(r.RetryAfter)
		r.Throttled = false
	}
}

// Held returns a fault if the lease of the partitions has ended. It is called last, when a request has its
// connection.
func (b *Budgets) Held() error {
	if err := b.lease.held(); err != nil {
		return unaccounted(err)
	}
	return nil
}

func (b *Budgets) tell(step string, a upstream.Ask) {
	if b.cfg.Step != nil && a.Changes {
		b.cfg.Step(step)
	}
}

// Acquire waits for a permit at the cost of the tenant of ctx. by is the change of the call, nil for a read.
func (b *Budgets) Acquire(ctx context.Context, account string, by *change.Attempt, ask budget.Ask) (*budget.Permit, error) {
	one, known := b.byAccount[account]
	if !known {
		return nil, fault.New(fault.Internal, fault.ReasonInternal, "The account has no call budget.")
	}
	if !one.usage.ready() {
		return nil, unaccounted(b.cause())
	}
	ask.Tenant = scope.Tenant(ctx)
	if by != nil {
		ask.Urgent = ask.Urgent || by.Reconciling
		ask.Wanted, ask.Urged = by.Wanted, by.Urged
	}
	began := time.Now()
	permit, err := one.Acquire(ctx, ask)
	b.waited(ctx, Wait{Credential: one.name, Tenant: ask.Tenant, Took: time.Since(began), Err: err})
	return permit, err
}

func (b *Budgets) waited(ctx context.Context, w Wait) {
	if b.cfg.Waited != nil {
		b.cfg.Waited(ctx, w)
	}
}

// Check returns the fault with which Acquire would refuse a call now, or nil. A refusal is reported to
// Waited, because its caller never calls Acquire.
func (b *Budgets) Check(ctx context.Context, account string, urgent bool) error {
	one, known := b.byAccount[account]
	if !known {
		return nil
	}
	if !one.usage.ready() {
		return unaccounted(b.cause())
	}
	ask := budget.Ask{Tenant: scope.Tenant(ctx), Urgent: urgent}
	err := one.Check(ctx, ask)
	if err != nil {
		b.waited(ctx, Wait{Credential: one.name, Tenant: ask.Tenant, Err: err})
	}
	return err
}

// urgent reports whether an operation uses the urgent lane. In an emergency people wait for a changed or
// deleted value. Listings come before both and serve every caller, unless one caller requires a fresh
// listing.
func (b *Budgets) urgent(ctx context.Context, operation string) bool {
	switch operation {
	case "UpdateSecret", "DeleteSecret", "DeleteSecrets", "DeleteStore", "VerifyToken":
		return true
	case "ListStores", "ListSecrets":
		return !scope.Fresh(ctx)
	default:
		return false
	}
}

// resultOf converts an attempt for the scheduler.
func resultOf(a upstream.Attempt) budget.Result {
	r := budget.Result{Sent: !a.Unsent, Answered: a.Status != 0, Limit: a.Limit, Policy: a.Policy}
	if a.Err != nil {
		if f := fault.From(a.Err); f.Kind == fault.Throttled {
			r.Throttled, r.RetryAfter = true, f.RetryAfter
		}
	}
	return r
}
