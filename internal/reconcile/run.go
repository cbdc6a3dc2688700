package reconcile

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tracing"
)

const (
	firstPause, lastPause = 100 * time.Millisecond, 2 * time.Second
	// maxAgain is how often a round that met no trouble is followed by another.
	// There is more than one where a request that was given up lands late, or
	// where listings lag.
	maxAgain = 8
	// refusedAgain is how many of these rounds an answer takes that proves nothing,
	// such as the page of a firewall. It rarely changes from one send to the next,
	// so a change is sent four times at most.
	refusedAgain = 3
)

// procedure is how one kind of change is made.
type procedure struct {
	// send makes the change for the first time.
	send func(context.Context) (change.Result, error)
	// round looks what became of it and does what is left to do. Its errors are
	// final (see final), errAgain, or trouble, after which there is another.
	round func(context.Context) (change.Result, error)
	// inspect looks what became of it and does nothing.
	inspect func(context.Context) (change.Result, error)
}

// Apply makes a change. It is a change.Step: next sends the change.
//
// When the answer was lost, what was made under a wanted name is adopted and
// brought to what was asked for, and what is missing is sent again. An update
// and a delete are sent again. A change that is only inspected ends with
// change.ErrNotDone, change.ErrUnproven, or the fault of what was never there, and is not sent.
func (s *Reconciler) Apply(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
	t := s.begin(a, next)
	c, known := t.course()
	if !known {
		return next(ctx, a)
	}
	switch {
	case a.InspectOnly:
		return t.inspect(ctx, c)
	case a.Resume:
		return t.settle(ctx, c, unknown(nil))
	}
	r, err := c.send(ctx)
	switch {
	case errors.Is(err, errNotHeld):
		return r, unknown(err)
	case isLost(err):
		return t.settle(ctx, c, err)
	}
	return r, err
}

// procedure says how the change is made.
func (t *run) course() (procedure, bool) {
	switch t.op().Kind {
	case change.CreateStore:
		return t.createStore(), true
	case change.DeleteStore:
		return t.deleteStore(), true
	case change.CreateSecrets:
		return t.createSecrets(), true
	case change.UpdateSecret:
		return t.updateSecret(), true
	case change.DeleteSecret:
		return t.deleteSecret(), true
	case change.DeleteSecrets:
		return t.deleteSecrets(), true
	case change.DuplicateSecret:
		return t.duplicateSecret(), true
	}
	return procedure{}, false
}

// settle goes round until the change is made or refused. lost is what there is
// to say if that does not come to pass.
func (t *run) settle(ctx context.Context, c procedure, lost error) (change.Result, error) {
	t.reconcile()
	if t.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.within)
		defer cancel()
	}
	ctx, span := tracing.Start(ctx, "reconcile")
	defer func() { t.tell(span) }()
	t.began = t.clock()
	pause := firstPause
	for again := 0; again <= maxAgain; {
		r, err := c.round(ctx)
		switch {
		case err == nil:
			t.report(Done)
			return r, nil
		case final(err):
			t.report(Refused)
			return change.Result{}, sentBefore(err)
		case errors.Is(err, errAgain):
			again++
		case isUnclear(err):
			again += refusedAgain
		}
		if errors.Is(err, errNotHeld) || !waitFor(ctx, max(jittered(pause), advised(err))) {
			break
		}
		pause = min(2*pause, lastPause)
	}
	t.report(Open)
	return change.Result{}, lost
}

// inspect looks once.
func (t *run) inspect(ctx context.Context, c procedure) (change.Result, error) {
	t.reconcile()
	ctx, span := tracing.Start(ctx, "reconcile")
	defer func() { t.tell(span) }()
	r, err := c.inspect(ctx)
	switch {
	case err == nil:
		t.report(Done)
	case final(err), errors.Is(err, change.ErrNotDone):
		t.report(Refused)
	case errors.Is(err, change.ErrUnproven):
		t.report(Unproven)
	default:
		t.report(Open)
	}
	return r, err
}

// reconcile marks what is sent and looked at from now on. Who called first has
// no say any more in how long a request may wait: something was sent.
func (t *run) reconcile() { t.change.Reconciling, t.change.Wanted = true, nil }

// tell ends a span with what was found out.
func (t *run) tell(span tracing.Span) {
	span.SetText(tracing.OutcomeKey, string(t.outcome))
	span.End(nil)
}

func (t *run) report(o Conclusion) {
	t.outcome = o
	t.observe(Report{
		Kind: t.op().Kind, Account: t.op().Account, Outcome: o,
		Looks: t.looks, Sends: t.change.Sends, Took: t.clock().Sub(t.began),
	})
}

// advised is the wait that an error asks for. The short one that goes with
// every trouble of the way is longer than most troubles, and is left to pauses.
func advised(err error) time.Duration {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Throttled && f.RetryAfter <= time.Second {
		return 0
	}
	return f.RetryAfter
}

// jittered gives between half and all of a pause.
func jittered(pause time.Duration) time.Duration {
	return pause/2 + rand.N(pause/2) //nolint:gosec // nobody gains by guessing it
}

// waitFor waits as wait does, and notes the wait in the call.
func waitFor(ctx context.Context, pause time.Duration) bool {
	defer telemetry.CallFrom(ctx).BeginWait()()
	return wait(ctx, pause)
}

// wait says no, at once, when the context ends before the pause does.
func wait(ctx context.Context, pause time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
