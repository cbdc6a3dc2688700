package change

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

// Attempt is one change in progress: what is to be done and what is known about
// it meanwhile. Each step gets it as an argument. A step that sends something
// else, or marks what it sends, hands on a copy.
type Attempt struct {
	// Op is the change, and Values are its values.
	Op     Op
	Values Values
	// ID tells the change from all others. Empty means that the change belongs
	// to one call and is not kept.
	ID string
	// Baseline is what was there before the change. Without one, everything that
	// was made before the change is sent is older than the change.
	Baseline Baseline
	// Resume says that an earlier run of the same change may have sent it, and
	// that Baseline is that run's: what is there is looked at before anything
	// is sent.
	Resume bool
	// InspectOnly finds out what became of a change and sends none. Values are
	// not needed then. The result is that of the change if the change was made.
	InspectOnly bool
	// NotBefore is, for InspectOnly, when nothing could happen to the change any
	// more: a listing that was read at or after it is good enough, so that many
	// changes share one. Zero: only a listing that is read from now on is.
	NotBefore time.Time
	// Held says whether this process still owns the change. Nothing is sent once
	// it does not. Nil means that it always does.
	Held func() bool
	// Life ends when this process stops: what became of the change is then for the
	// next life to find out. Nil: it does not end.
	Life context.Context //nolint:containedctx // the change outlives each of its requests
	// Unsent is called once, before a lost answer is reconciled: the time in
	// which nothing can have been sent has ended. It must be quick. Nil means
	// that nobody cares.
	Unsent func()
	// Wanted ends when nobody waits for the answer any more. The change need not
	// begin to wait for a permit then. Nil: it is wanted as long as its context.
	Wanted context.Context //nolint:containedctx // it is the caller's, and the change outlives that call
	// Urged is closed when the change is urgent, or an urgent one waits for its
	// objects. Nil: that never happens.
	Urged <-chan struct{}
	// Sends counts what was sent for the same change before.
	Sends int
	// Reconciling says that a request serves to find out what became of the
	// change, or to finish it. Such requests go before new work, since what they
	// have spent of the budget is in vain otherwise.
	Reconciling bool
	// Permit is the permit for the request that the change leaves with. Nil: it
	// has none yet.
	Permit *budget.Permit
	// Together are the changes that leave in one request, this one among them.
	// Nil: this one alone.
	Together []*Attempt
}

// Owned says whether this process still owns the change.
func (a *Attempt) Owned() bool { return a.Held == nil || a.Held() }

// MaySend returns why a change must not be sent any more: while it waited, the
// lease of this process may have ended and another one taken the change over.
func (a *Attempt) MaySend() error {
	if a.Owned() {
		return nil
	}
	f := fault.New(fault.Unavailable, fault.ReasonStateUnavailable, "The change was not sent, since its record cannot be kept at the moment.")
	f.RetryAfter = time.Second
	return f
}

// CutOff says whether the stop of this process has ended the change.
func (a *Attempt) CutOff() bool { return a.Life != nil && errors.Is(a.Life.Err(), context.Canceled) }

// MayLeave returns why a request with a context must not leave any more. A
// request that belongs to no change may.
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

// Leaving are the changes that leave with the request of a.
func (a *Attempt) Leaving() []*Attempt {
	if a.Together == nil {
		return []*Attempt{a}
	}
	return a.Together
}

// Next makes a change, or hands it on. Errors are faults; after one with the
// reason fault.ReasonUpstreamAnswerLost the change may have been made.
type Next func(ctx context.Context, a *Attempt) (Result, error)

// Step is one thing that is done about every change on its way: before it is
// handed on, after it, or instead.
type Step func(ctx context.Context, a *Attempt, next Next) (Result, error)

type attemptKey struct{}

// With returns a context for a request that belongs to a change, for those that
// let the request pass at the end: the HTTP client knows nothing of changes.
func With(ctx context.Context, a *Attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// From returns the change that a request belongs to, and nil where it only reads.
func From(ctx context.Context) *Attempt {
	a, _ := ctx.Value(attemptKey{}).(*Attempt)
	return a
}

// Detached returns a context for a request that several may wait for: it keeps
// how urgent the change is, and nobody's leaving ends it.
func Detached(ctx context.Context) context.Context {
	a := From(ctx)
	if a == nil {
		return ctx
	}
	return With(ctx, &Attempt{Op: a.Op, ID: a.ID, Urged: a.Urged, Reconciling: a.Reconciling})
}
