package main

import (
	"errors"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/settle"
	"platform.internal/storekeeper/internal/upstream"
)

// The reasons of outcomes that recovery writes. None but a refusal that looking
// proves goes with the outcome failed: that nothing of a change is seen does not
// prove that it was not made. Cloudflare may carry out a request late, and an
// outsider may have deleted what it made.
const (
	// reasonRecovered is that of a change that is seen to be made.
	reasonRecovered = "RECOVERED"
	// reasonNotSeen is that of a change of which nothing is seen.
	reasonNotSeen = "NOT_SEEN"
	// reasonUnproven is that of a change that cannot be seen, as a value, or of
	// which a part is seen.
	reasonUnproven = "UNPROVEN"
)

// tell logs what went wrong with a change.
func (e *engine) tell(ev idempotency.Event) {
	if ev.Err != nil {
		e.log.Warn("a change", zap.String("event", string(ev.Kind)), zap.String("intent", ev.ID), zap.String("method", ev.Method), zap.Error(ev.Err))
	}
}

// found is the audit record of the outcome of a change that recovery has found.
func (e *engine) found(i idempotency.Intent, answer []byte, err error) audit.Record {
	r := e.rights.Recovered(i, answer)
	switch {
	case errors.Is(err, idempotency.ErrUnproven):
		r.Outcome, r.Reason = audit.Unknown, reasonUnproven
	case errors.Is(err, idempotency.ErrNotDone):
		r.Outcome, r.Reason = audit.Unknown, reasonNotSeen
	default:
		r.Outcome, r.Reason = foundOut(err)
	}
	return r
}

// reasonLate is the reason of an alarm about a change whose request ended after
// the lease of the change. The change may have gone over a newer one of another
// replica.
const reasonLate = "LEASE_ENDED"

// eventLate counts such changes.
const eventLate = "late"

// tellLate raises the alarm about a change whose request ended after its lease.
func (e *engine) tellLate(a *change.Attempt, at upstream.Attempt) {
	intent, running := e.keeper.Running(a.ID)
	if !running {
		return
	}
	e.log.Error("the answer to a change came after its lease had ended; it may have gone over a newer change of another replica",
		zap.String("intent", a.ID), zap.String("operation", at.Operation), zap.String("account", at.Account), zap.Int("status", at.Status))
	if e.count != nil {
		e.count(eventLate)
	}
	if e.trail != nil {
		r := e.rights.Recovered(intent, nil)
		r.Reason = reasonLate
		e.trail.Alarm(r)
	}
}

// foundOut gives the outcome of a change from the answer that recovery has kept
// for it, which may be a refusal.
func foundOut(refusal error) (audit.Outcome, string) {
	switch {
	case refusal == nil:
		return audit.Succeeded, reasonRecovered
	case errors.Is(refusal, settle.ErrNeverThere):
		return audit.Failed, fault.From(refusal).Reason
	default:
		return audit.Unknown, fault.From(refusal).Reason
	}
}
