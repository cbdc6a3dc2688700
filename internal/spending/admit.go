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

// shortBlock is the part of a window, as its divisor, below which a 429 is not
// about the budget of the window.
const shortBlock = 10

// Admit waits for the permit to send one request to Cloudflare, and returns the
// function that must be called when the request has ended. A request whose ctx
// belongs to a change that has a permit uses that permit. The errors are those of
// budget.Scheduler.Acquire, BUDGET_UNKNOWN where usage cannot be checkpointed,
// and that of change.MayLeave.
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

// permitOf is the permit that a change has for its next request.
func permitOf(by *change.Attempt) *budget.Permit {
	if by == nil {
		return nil
	}
	return by.Permit
}

// precheck returns why a request must not leave although it has its permit.
func (b *Budgets) precheck(ctx context.Context, a upstream.Ask) error {
	if err := b.byAccount[a.Account].usage.spend(ctx); err != nil || !a.Changes {
		return err
	}
	// The lease is looked at last, since the other check can wait, and again when
	// the request has its connection.
	return change.MayLeave(ctx)
}

// tellLate reports each change of a request that has ended after the lease of the
// change. A change that the stop of this process cut off is not reported: the stop
// ended the lease, and the next life finds out what became of the change.
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

// observe keeps a 429 for later lives and other replicas. A short one is about
// calls a second, or comes from a proxy before the API: it stops calls too, and
// says nothing of what others spend of the budget.
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

// Held returns nil, or the fault of a call that must not be sent since the lease of
// the partitions has ended. It is asked last, when a request has its connection.
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

// Acquire waits for a permit that the tenant of the call pays for. by is the
// change that the call belongs to, nil for a call that only reads.
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

// Check returns the fault that Acquire would refuse a call with now, nil where it
// would not. A refusal counts as a wait that has ended, since its caller asks for no
// permit.
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

// urgent returns whether an operation goes in the urgent lane. A changed or
// deleted value is what people wait for in an emergency. Listings stand before
// both and serve every caller, unless one caller wants a listing anew.
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

// resultOf is what an attempt means for the budget.
func resultOf(a upstream.Attempt) budget.Result {
	r := budget.Result{Sent: !a.Unsent, Answered: a.Status != 0, Limit: a.Limit, Policy: a.Policy}
	if a.Err != nil {
		if f := fault.From(a.Err); f.Kind == fault.Throttled {
			r.Throttled, r.RetryAfter = true, f.RetryAfter
		}
	}
	return r
}
