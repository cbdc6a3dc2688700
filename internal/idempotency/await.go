package idempotency

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = 200 * time.Millisecond
)

// errImpatient is the cause of a context that ended because a call waited longer than Patience or Limit.
var errImpatient = errors.New("waited too long for another change")

// resolve returns the result of f: a recorded answer, the result of an open change of another call or replica,
// or the result of a change that f makes.
func (k *Coordinator) resolve(f *flight) callResult {
	ctx := &f.bounded
	ctx.Begin(&f.wanted, time.Now().Add(k.config.Patience+k.config.Limit), errImpatient)
	defer ctx.End()
	patience := time.Now().Add(k.config.Patience)
	for admitted := false; ; {
		e, err := k.find(ctx, f)
		if err != nil {
			return k.failed(ctx, err)
		}
		switch {
		case e == nil:
		case e.Print != f.call.print:
			k.observe(Event{Kind: EventRefused, Method: f.call.Method})
			return callResult{fault: keyReused()}
		case !e.Open:
			k.observe(Event{Kind: EventReplayed, ID: e.ID, Method: f.call.Method})
			return e.result()
		default:
			k.observe(Event{Kind: EventJoined, ID: e.ID, Method: f.call.Method})
			if r, ended := k.awaitUntil(ctx, patience, f, e.ID); ended {
				return r
			}
			// The open change ended without an outcome, so f makes the change.
			continue
		}
		if !admitted {
			if err := f.call.admit(ctx); err != nil {
				return k.failed(ctx, err)
			}
			admitted = true
		}
		op, err := k.begin(ctx, patience, f)
		switch {
		case errors.Is(err, errKnown):
		case errors.Is(err, errImpatient):
			return callResult{fault: k.blocked(f, err)}
		case err != nil:
			return k.failed(ctx, err)
		default:
			return k.operate(f, op)
		}
	}
}

// find returns the record of the call of f. It returns nil if there is none that may answer f.
func (k *Coordinator) find(ctx context.Context, f *flight) (*callEntry, error) {
	unrecorded := f.unrecorded
	f.unrecorded = false
	if !f.call.mayShare() || unrecorded {
		return nil, nil //nolint:nilnil // no record and no error is a plain answer
	}
	key := f.call.record
	now, err := k.config.Store.Get(ctx, key)
	if err != nil {
		return nil, storeFault(err)
	}
	e, err := lookup(now, key, decodeCall)
	if err != nil || e == nil || !f.call.answeredBy(e) {
		return nil, err
	}
	return e, nil
}

// failed is the result of a flight that ended before its change began.
func (k *Coordinator) failed(ctx context.Context, err error) callResult {
	switch {
	case impatient(ctx):
		return callResult{fault: inProgress("The change could not begin in time.", Intent{}).Because(err)}
	case k.life.Err() != nil:
		return callResult{fault: shuttingDown().Because(err)}
	case ctx.Err() != nil:
		return callResult{fault: fault.From(ctx.Err()), again: true}
	}
	if errors.Is(err, errNotOwner) {
		err = notKept(err)
	}
	return callResult{fault: fault.From(err)}
}

// awaitUntil calls await with the deadline patience.
func (k *Coordinator) awaitUntil(ctx context.Context, patience time.Time, f *flight, id string) (r callResult, ended bool) {
	patient, end := context.WithDeadlineCause(ctx, patience, errImpatient)
	defer end()
	return k.await(patient, f, id)
}

// await polls the store until the intent has an outcome. ended is false if the intent ended without an
// outcome. A store failure shorter than recordPatience does not end the wait.
func (k *Coordinator) await(ctx context.Context, f *flight, id string) (r callResult, ended bool) {
	delay, failing, missing := firstPoll, time.Time{}, false
	for {
		r, open, err := k.readOutcome(ctx, f.call.record, id)
		switch {
		case err != nil && failing.IsZero():
			failing = time.Now()
		case err != nil && time.Since(failing) >= recordPatience:
			return callResult{fault: storeFault(err)}, true
		case err != nil:
		case r != nil:
			return *r, true
		case !open && missing:
			return callResult{}, false
		default:
			// The three records may have been read at different times. The outcome is committed no later than
			// the end of the intent, so a second read finds the outcome.
			failing, missing = time.Time{}, !open
		}
		if err := pause(ctx, delay); err != nil {
			if impatient(ctx) {
				return callResult{fault: k.unfinished(id, err)}, true
			}
			return k.failed(ctx, err), true
		}
		delay = min(delay*3/2, lastPoll)
	}
}

// impatient reports whether ctx ended with the cause errImpatient.
func impatient(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errImpatient) }

// unfinished returns the fault of a repeated call if the change of the first call is still open.
func (k *Coordinator) unfinished(id string, cause error) *fault.Error {
	return inProgress("Your own earlier call began this change, and it is not finished yet; repeat the call to learn what becomes of it.",
		k.openIntent(id, "")).Because(cause)
}

// blocked returns the fault of a call that waited too long for the lock of an object.
func (k *Coordinator) blocked(f *flight, cause error) *fault.Error {
	i := k.openIntent(k.holder(f), f.call.Caller)
	if i.ID == "" {
		return inProgress("Another change of the same object is not finished yet.", i).Because(cause)
	}
	return inProgress("An earlier change of yours of the same object is not finished yet.", i).Because(cause)
}

// holder returns the intent that has locked an object of f, "" if unknown.
func (k *Coordinator) holder(f *flight) string {
	ctx, cancel := context.WithTimeout(k.life, time.Second)
	defer cancel()
	keys := objectKeys(f.call.Objects)
	// If the store fails, the fault lacks the holder.
	now, _ := k.config.Store.Get(ctx, keys...)
	for _, key := range keys {
		if holder := readObject(now[key].Value).holder; holder != "" {
			return holder
		}
	}
	return ""
}

// openIntent returns the open intent id if its caller is caller; "" stands for any caller. It returns an
// empty Intent if there is none or the store fails.
func (k *Coordinator) openIntent(id, caller string) Intent {
	ctx, cancel := context.WithTimeout(k.life, time.Second)
	defer cancel()
	now, _ := k.config.Store.Get(ctx, openPrefix+id)
	e, err := lookup(now, openPrefix+id, decodeOpen)
	if err != nil || e == nil || caller != "" && e.Intent.Caller != caller {
		return Intent{}
	}
	return e.Intent
}

// readOutcome returns the outcome of an intent, nil if there is none, and whether the intent is open. callKey is
// the name of the record of the intent's call.
func (k *Coordinator) readOutcome(ctx context.Context, callKey, id string) (r *callResult, open bool, err error) {
	ownKey, openKey := outcomePrefix+id, openPrefix+id
	now, err := k.config.Store.Get(ctx, callKey, ownKey, openKey)
	if err != nil {
		return nil, false, err
	}
	for _, key := range []string{callKey, ownKey} {
		e, err := lookup(now, key, decodeCall)
		if err != nil {
			return nil, false, err
		}
		if e != nil && e.ID == id && !e.Open {
			found := e.result()
			return &found, false, nil
		}
	}
	_, open = now[openKey]
	return nil, open, nil
}
