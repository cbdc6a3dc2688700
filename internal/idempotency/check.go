package idempotency

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// Wait waits until no change has locked any of the objects, on any replica. Changes that hold the locks
// become urgent. The error is a fault: CHANGE_IN_PROGRESS after the Patience, the error of ctx, or a store
// fault.
func (k *Coordinator) Wait(ctx context.Context, caller string, objects ...string) error {
	patience := time.Now().Add(k.config.Patience)
	f := &flight{call: &Call{Caller: caller, Objects: distinct(objects), Urgent: true, record: callPrefix}, ctx: ctx}
	own, err := k.lock(ctx, patience, f)
	if err == nil {
		own.free()
		if !k.ownsAllLocks() {
			err = k.waitUnlocked(ctx, patience, f)
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errImpatient):
		return k.blocked(f, err)
	}
	return fault.From(err)
}

// Check runs the checks of a call without making its change: Admit, Reservation.Check and Intent. It records
// nothing. Errors are faults.
func (k *Coordinator) Check(ctx context.Context, c Call) error {
	err := c.admit(ctx)
	if err == nil && c.Description != nil {
		_, err = c.Description.Intent(ctx, nil)
	}
	if err != nil {
		return fault.From(err)
	}
	return nil
}
