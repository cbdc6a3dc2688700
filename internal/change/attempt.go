package change

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

// Attempt is one change in progress: the operation, its values, and the state shared between the steps. Each
// step gets the Attempt as an argument. A step that sends a different operation passes a copy on.
type Attempt struct {
	// Op is the operation, and Values are its values.
	Op     Op
	Values Values
	// ID identifies the change. Empty: the change belongs to one call and has no record.
	ID string
	// Baseline is the state before the change. If it is empty, every object created before the first send is
	// older than the change.
	Baseline Baseline
	// Resume says that an earlier run of the same change may have sent the change, and that Baseline is from
	// that run. Reconcile then looks at Cloudflare before it sends anything.
	Resume bool
	// InspectOnly determines whether a change was made, and sends nothing. Values are not needed. If the
	// change was made, the steps return its result.
	InspectOnly bool
	// NotBefore, for InspectOnly, is the time after which the change could no longer take effect. A listing
	// read at or after this time is recent enough, so that many changes can share a listing. Zero: the
	// listing must be read from now on.
	NotBefore time.Time
	// Held reports whether this process still owns the change. If it returns false, nothing is sent. Nil:
	// always true.
	Held func() bool
	// Life ends when this process stops. The next process then recovers the change. It may be nil.
	Life context.Context //nolint:containedctx // the change outlives each of its requests
	// Wanted ends when no caller waits for the answer any more. A change that has not begun to wait for a
	// permit need not begin then. Nil: only the context of the change matters.
	Wanted context.Context //nolint:containedctx // it is the caller's, and the change outlives that call
	// Urged is closed when the change is urgent, or when an urgent change waits for its objects. It may be
	// nil.
	Urged <-chan struct{}
	// Sends is the number of earlier sends of the change.
	Sends int
	// Reconciling says that a request serves to reconcile or finish the change. Such requests have priority
	// over new work. Otherwise the permits that the change has used are wasted.
	Reconciling bool
	// Permit is the permit for the request of the change. Nil: there is none
	// yet.
	Permit *budget.Permit
	// Together are all changes in the request, including this change. Nil: only this change.
	Together []*Attempt
}

// Owned reports whether this process still owns the change.
func (a *Attempt) Owned() bool { return a.Held == nil || a.Held() }

// MaySend returns an error if the change must not be sent any more. During the wait the lease of this process
// may have ended and another process may own the change.
func (a *Attempt) MaySend() error {
	if a.Owned() {
		return nil
	}
	f := fault.New(fault.Unavailable, fault.ReasonStateUnavailable, "The change was not sent, since its record cannot be kept at the moment.")
	f.RetryAfter = time.Second
	return f
}

// CutOff reports whether the stop of this process has ended the change.
func (a *Attempt) CutOff() bool { return a.Life != nil && errors.Is(a.Life.Err(), context.Canceled) }

// MayLeave returns an error if the request of ctx must not be sent any more. A
// request that belongs to no change may always be sent.
func MayLeave(ctx context.Context) error {
	a := From(ctx)
	if a == nil {
		return nil
	}
	for _, leaving := range a.Leaving() {
		if err := leaving.MaySend(); err != nil {
			return err
		}
	}
	return nil
}

// Leaving returns the changes in the request of a.
func (a *Attempt) Leaving() []*Attempt {
	if a.Together == nil {
		return []*Attempt{a}
	}
	return a.Together
}

// Next makes a change. Errors are faults. After a fault with the reason
// fault.ReasonUpstreamAnswerLost the change may have been made.
type Next func(ctx context.Context, a *Attempt) (Result, error)

// Step is one step of every change. It acts before or after next, or instead of next.
type Step func(ctx context.Context, a *Attempt, next Next) (Result, error)

type attemptKey struct{}

// With returns a context for a request of a change. The HTTP client, which does not know changes, checks this
// context before it sends the request.
func With(ctx context.Context, a *Attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// From returns the change of a request. Nil: the request only reads.
func From(ctx context.Context) *Attempt {
	a, _ := ctx.Value(attemptKey{}).(*Attempt)
	return a
}

// Detached returns a context for a request that several callers may wait for. The context keeps the urgency
// of the change and does not end when a caller leaves.
func Detached(ctx context.Context) context.Context {
	a := From(ctx)
	if a == nil {
		return ctx
	}
	return With(ctx, &Attempt{Op: a.Op, ID: a.ID, Urged: a.Urged, Reconciling: a.Reconciling})
}
