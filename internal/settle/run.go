package settle

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
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

// course is how one sort of change is made.
type course[R any] struct {
	// send makes the change for the first time.
	send func(context.Context) (upstream.Answer[R], error)
	// round looks what became of it and does what is left to do. Its errors are
	// final (see final), errAgain, or trouble, after which there is another.
	round func(context.Context) (upstream.Answer[R], error)
	// inspect looks what became of it and does nothing.
	inspect func(context.Context) (upstream.Answer[R], error)
}

// run makes a change.
func run[R any](ctx context.Context, t *trial, c course[R]) (upstream.Answer[R], error) {
	switch {
	case t.operation.InspectOnly:
		return inspect(ctx, t, c)
	case t.operation.Resume:
		return settle(ctx, t, c, unknown(nil))
	}
	answer, err := send(ctx, t, c.send)
	switch {
	case errors.Is(err, errNotHeld):
		return answer, unknown(err)
	case isLost(err):
		return settle(ctx, t, c, err)
	}
	return answer, err
}

// settle goes round until the change is made or refused. lost is what there is
// to say if that does not come to pass.
func settle[R any](ctx context.Context, t *trial, c course[R], lost error) (upstream.Answer[R], error) {
	if t.operation.Unsent != nil {
		t.operation.Unsent()
	}
	ctx = settling(ctx)
	if t.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.within)
		defer cancel()
	}
	t.began = t.clock()
	pause := firstPause
	for again := 0; again <= maxAgain; {
		answer, err := c.round(ctx)
		switch {
		case err == nil:
			t.report(Done)
			return answer, nil
		case final(err):
			t.report(Refused)
			return upstream.Answer[R]{}, sentBefore(err)
		case errors.Is(err, errAgain):
			again++
		case isUnclear(err):
			again += refusedAgain
		}
		if errors.Is(err, errNotHeld) || !wait(ctx, max(jittered(pause), advised(err))) {
			break
		}
		pause = min(2*pause, lastPause)
	}
	t.report(Open)
	return upstream.Answer[R]{}, lost
}

// inspect looks once.
func inspect[R any](ctx context.Context, t *trial, c course[R]) (upstream.Answer[R], error) {
	answer, err := c.inspect(settling(ctx))
	switch {
	case err == nil:
		t.report(Done)
	case final(err), errors.Is(err, ErrNotDone):
		t.report(Refused)
	case errors.Is(err, ErrUnproven):
		t.report(Unproven)
	default:
		t.report(Open)
	}
	return answer, err
}

// settling marks a context as that of calls that settle. Who called first has
// no say any more in how long they may wait: something was sent.
func settling(ctx context.Context) context.Context {
	ctx = budget.WithPatience(ctx, context.WithoutCancel(ctx))
	return context.WithValue(ctx, urgentKey{}, true)
}

func (t *trial) report(o Outcome) {
	t.observe(Event{
		Operation: t.name, Account: t.account, Outcome: o,
		Looks: t.looks, Sends: t.sends, Took: t.clock().Sub(t.began),
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
