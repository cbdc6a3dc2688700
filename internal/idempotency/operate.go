package idempotency

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// abandonPatience is the time that a caller waits for the deletion of the intent of a change that was not
// made.
const abandonPatience = time.Second

// unsettledPatience is the time that a caller waits for recovery to determine the outcome.
const unsettledPatience = 5 * time.Second

var errPanicked = errors.New("panic")

// operate makes the change and commits the outcome. The callers get the result before the objects are
// unlocked, so that no call joins this flight after another change of the objects began.
func (k *Coordinator) operate(f *flight, op *operation) callResult {
	defer k.leave(op.entry.Intent.ID)
	defer op.free()
	r := k.perform(f, op)
	k.finish(f, r)
	return r
}

// perform makes the change and commits the outcome. It is shallow on the stack while the change waits for
// Cloudflare.
func (k *Coordinator) perform(f *flight, op *operation) callResult {
	ctx := k.beginRun(f, op)
	body, err := guarded(func() ([]byte, error) { return f.run(ctx, &op.running) })
	return k.endRun(ctx, f, op, body, err)
}

// beginRun prepares op for Run and returns the context of Run.
func (k *Coordinator) beginRun(f *flight, op *operation) context.Context {
	op.detached = detachedRun{Context: k.limits.context(), caller: f.detached.caller}
	op.deadline, _ = op.detached.Deadline()
	op.running = Operation{Intent: op.entry.Intent, Held: op.held, Wanted: &f.wanted, Urged: op.urged}
	k.runs(&op.running.Intent)
	return &op.detached
}

// endRun commits the outcome of Run.
func (k *Coordinator) endRun(ctx context.Context, f *flight, op *operation, body []byte, err error) callResult {
	i, running := &op.entry.Intent, &op.running
	if errors.Is(err, errPanicked) {
		k.observe(about(EventPanicked, i, err))
	}
	o, known := verdict(ctx, body, err)
	if !known {
		return k.unsettled(f, op, o.fault)
	}
	o.made, o.remember, o.lines = running.Made, running.Remember, f.call.outcome(err)
	k.step(f.ctx, StepOutcome)
	r := callResult{body: o.body, fault: o.fault, again: !o.kept && unwaited(f, o.fault)}
	err = k.persist(f, op, o, r)
	switch {
	case errors.Is(err, errNotOwner):
		k.observe(about(EventDropped, i, err))
		return k.overtaken(f, op, o, r)
	case err != nil:
		return callResult{fault: notKept(err)}
	case !o.kept:
		k.observe(about(EventAbandoned, i, o.fault))
		return r
	}
	k.observe(about(EventFinished, i, nil))
	k.kept(f.ctx)
	k.step(f.ctx, StepRecorded)
	return r
}

// guarded turns a panic of run into an error, so that no lock leaks.
func guarded(run func() ([]byte, error)) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			body, err = nil, panicked(p)
		}
	}()
	return run()
}

// panicked describes a panic without the panic value, which may hold a secret.
func panicked(p any) error {
	if e, ok := p.(runtime.Error); ok {
		return fmt.Errorf("%w: %w", errPanicked, e)
	}
	return fmt.Errorf("%w: a value of type %T", errPanicked, p)
}

// verdict classifies the result of run. known is false if the change may have taken effect without an answer.
func verdict(ctx context.Context, body []byte, err error) (o changeOutcome, known bool) {
	if err == nil {
		return changeOutcome{body: body, kept: true, changed: true}, true
	}
	f := fault.From(err)
	switch {
	case f.Local:
		return changeOutcome{fault: f}, true
	case isDefinite(f):
		return changeOutcome{fault: f, kept: true}, true
	case f.Reason == fault.ReasonUpstreamAnswerLost, f.Reason == fault.ReasonUpstreamThrottled, f.Kind == fault.Internal, ctx.Err() != nil:
		return changeOutcome{fault: f}, false
	}
	return changeOutcome{fault: f}, true
}

// unwaited reports whether the change was not made because the callers left or the first deadline passed.
func unwaited(f *flight, err *fault.Error) bool {
	return f.wanted.Err() != nil && (err.Kind == fault.Deadline || err.Kind == fault.Canceled)
}

// unsettled hands a change with an unknown outcome to recovery and waits for the result. If nothing was done,
// the caller gets the fault and callers that joined may try.
func (k *Coordinator) unsettled(f *flight, op *operation, lost *fault.Error) callResult {
	i := &op.entry.Intent
	k.leave(i.ID)
	k.observe(about(EventUnsettled, i, lost))
	k.orphans.add(i.ID)
	told := *lost
	if told.Kind == fault.Unavailable || told.Kind == fault.Throttled {
		told.RetryAfter = max(told.RetryAfter, time.Second)
	}
	if lost.Kind == fault.Throttled {
		// While Cloudflare throttles, recovery cannot determine the outcome.
		return callResult{fault: &told}
	}
	// The caller can ask again and need not wait for the end of an outage.
	op.deadline = earlier(op.deadline, time.Now().Add(unsettledPatience))
	r, ended := k.join(f, op)
	if r.kept {
		return r
	}
	return callResult{fault: &told, again: !ended || r.again}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// overtaken returns the result of a change that another owner ended. The outcome of that owner counts.
func (k *Coordinator) overtaken(f *flight, op *operation, o changeOutcome, own callResult) callResult {
	r, ended := k.join(f, op)
	switch {
	case r.kept:
		return r
	case !o.kept:
		return own
	case ended:
		return r
	}
	return callResult{fault: notKept(errNotOwner)}
}

// join waits for the outcome of an operation that another replica or recovery ends, until its deadline. ended
// is false if there is no outcome and no other call made the change.
func (k *Coordinator) join(f *flight, op *operation) (r callResult, ended bool) {
	op.free()
	left := min(max(time.Until(op.deadline), recordPatience), k.config.Patience)
	ctx, cancel := context.WithTimeoutCause(&f.wanted, left, errImpatient)
	defer cancel()
	if r, ended = k.await(ctx, f, op.entry.Intent.ID); ended {
		r.replayed = false
		return r, true
	}
	e, err := k.find(ctx, f)
	switch {
	case err != nil || e == nil || e.Print != f.call.print:
		return callResult{}, false
	case e.Open:
		return k.await(ctx, f, e.ID)
	}
	return e.result(), true
}

// persist commits an outcome and retries until it succeeds, errNotOwner is returned or the Coordinator ends.
// The caller gets its answer only after the commit. If the commit takes longer than the patience, the caller
// gets a fault.
func (k *Coordinator) persist(f *flight, op *operation, o changeOutcome, r callResult) error {
	patience := abandonPatience
	if o.kept {
		patience = min(max(time.Until(op.deadline), recordPatience), k.config.Patience)
	}
	began, failed := time.Now(), false
	for delay := firstPoll; ; delay = min(2*delay, time.Second) {
		err := k.conclude(f.ctx, &op.entry, o)
		if err == nil || errors.Is(err, errNotOwner) || f.ctx.Err() != nil {
			return err
		}
		if !failed {
			failed = true
			k.unrecorded.Add(1)
			defer k.unrecorded.Add(-1)
		}
		k.observe(about(EventUnrecorded, &op.entry.Intent, err))
		left := patience - time.Since(began)
		if left <= 0 {
			if o.kept {
				r = callResult{fault: notKept(err)}
			}
			// Only the first call of finish has an effect.
			k.finish(f, r)
			left = delay
		}
		// The loop checks f.ctx above.
		_ = pause(f.ctx, min(delay, left))
	}
}
