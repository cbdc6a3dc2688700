package idempotency

import (
	"bytes"
	"context"
	"errors"

	"platform.internal/storekeeper/internal/records"
)

// errNotOwner is when an intent is another's by now, or gone.
var errNotOwner = errors.New("the intent has another owner or is gone")

// conclude ends an intent of this replica: it keeps the outcome, or nothing
// where it is not to be kept, and gives the objects back.
func (k *Keeper) conclude(ctx context.Context, e *openEntry, o outcome) error {
	id := e.Intent.ID
	callKey := callPrefix + e.Call
	return k.change(ctx, e.keys(), func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		if err := k.own(now, id, e.raw); err != nil {
			return nil, err
		}
		call, err := lookup[callEntry](now, callKey)
		if err != nil {
			return nil, err
		}
		changes := map[string]*records.Entry{openPrefix + id: nil}
		for _, object := range e.Intent.Objects {
			if string(now[objectPrefix+object].Value) == id {
				changes[objectPrefix+object] = nil
			}
		}
		mine := call != nil && call.ID == id
		switch {
		case o.kept && mine:
			changes[callKey] = k.answer(e, o)
		case o.kept:
			// A newer call like it has taken the record; this one is still
			// waited for.
			changes[outcomePrefix+id] = until(e.call(o), k.config.RetryWindow)
		case mine:
			changes[callKey] = nil
		}
		return changes, nil
	})
}

// answer is the record of a finished call. Without a key it serves retries
// alone.
func (k *Keeper) answer(e *openEntry, o outcome) *records.Entry {
	if e.Keyed {
		return until(e.call(o), k.config.Retention)
	}
	return until(e.call(o), k.config.RetryWindow)
}

// own returns errNotOwner if the intent is not this replica's. One that is as
// this process wrote it need not be read.
func (k *Keeper) own(now map[string]records.Entry, id string, written []byte) error {
	if kept, open := now[openPrefix+id]; open && written != nil && bytes.Equal(kept.Value, written) {
		return nil
	}
	e, err := lookup[openEntry](now, openPrefix+id)
	if err != nil {
		return err
	}
	if e == nil || e.Owner != k.config.Replica {
		return errNotOwner
	}
	return nil
}
