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
	// maxAgain is the maximum number of additional rounds without a failure. More than one round is needed if
	// an abandoned request takes effect late, or if listings lag.
	maxAgain = 8
	// refusedAgain is the cost, in rounds, of an answer that proves nothing, such as the page of a firewall.
	// A repetition rarely gets another answer, so a change is sent at most four times.
	refusedAgain = 3
)

// procedure makes one kind of change.
type procedure interface {
	// send sends the change for the first time.
	send(context.Context) (change.Result, error)
	// round looks up the outcome and does the remaining work. Its error is final (see final), errAgain, or a
	// failure, after which another round follows.
	round(context.Context) (change.Result, error)
	// inspect looks up the outcome and changes nothing.
	inspect(context.Context) (change.Result, error)
}

// Apply makes a change. It is a change.Step: next sends the change. Apply alters a, which the caller must not
// use for another change.
//
// If the answer was lost, Apply adopts the objects created under a requested name, updates them to the
// request, and sends the missing objects again. An update or delete is sent again. An inspection sends
// nothing. It ends with change.ErrNotDone, change.ErrUnproven, or the fault of an object that did not exist
// before.
func (s *Reconciler) Apply(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
	t := s.begin(a, next)
	c := t.course()
	switch {
	case c == nil:
		return next(ctx, a)
	case a.InspectOnly:
		return t.inspectWith(ctx, c)
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

// course returns the procedure of the change, nil for an unknown kind.
func (t *run) course() procedure {
	switch t.op().Kind {
	case change.CreateStore:
		return t.createStore()
	case change.DeleteStore:
		return storeDeletion{t}
	case change.CreateSecrets:
		return t.createSecrets()
	case change.UpdateSecret:
		return secretUpdate{t}
	case change.DeleteSecret:
		return secretDeletion{t}
	case change.DeleteSecrets:
		return secretsDeletion{t}
	case change.DuplicateSecret:
		return t.duplicateSecret()
	}
	return nil
}

// settle runs rounds until the change is made or refused. It returns lost if the outcome remains unknown.
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

// inspectWith inspects the change once.
func (t *run) inspectWith(ctx context.Context, c procedure) (change.Result, error) {
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

// reconcile marks all further requests and listings. The first caller's departure does not cancel them,
// because a request was sent.
func (t *run) reconcile() { t.change.Reconciling, t.change.Wanted = true, nil }

// tell ends a span with the outcome.
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

// advised returns the Retry-After of an error. It ignores values up to 1 s except for throttling, because the
// backoff of the rounds suffices.
func advised(err error) time.Duration {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Throttled && f.RetryAfter <= time.Second {
		return 0
	}
	return f.RetryAfter
}

// jittered returns a random duration between half and all of a pause.
func jittered(pause time.Duration) time.Duration {
	return pause/2 + rand.N(pause/2) //nolint:gosec // jitter needs no secure randomness
}

// waitFor calls wait and records the wait in the telemetry of the call.
func waitFor(ctx context.Context, pause time.Duration) bool {
	defer telemetry.CallFrom(ctx).BeginWait()()
	return wait(ctx, pause)
}

// wait returns false at once if the context ends before the pause.
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
