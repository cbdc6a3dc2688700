package main

import (
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/upstream"
)

// tell logs a failure around a change.
func (e *engine) tell(ev idempotency.Event) {
	if ev.Err != nil {
		e.log.Warn("a change", zap.String("event", string(ev.Kind)), zap.String("intent", ev.ID), zap.String("method", ev.Method), zap.Error(ev.Err))
	}
}

// found is the audit record of the outcome of a change that recovery has found.
func (e *engine) found(i idempotency.Intent, answer []byte, err error) audit.Record {
	return e.rights.Found(i, answer, err)
}

// reasonLate is the reason of an alarm about a change whose request ended after
// the lease of the change. The change may have overwritten a newer change of
// another replica.
const reasonLate = "LEASE_ENDED"

// eventLate counts these changes.
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
	r := e.rights.Recovered(intent, nil)
	r.Reason = reasonLate
	e.state.trail.Alarm(r)
}
