package idempotency

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/tracing"
)

// errNotOwner says that another replica owns the intent, or that the intent is closed.
var errNotOwner = errors.New("the intent has another owner or is gone")

// errSuperseded says that a newer call has overwritten the record of this call.
var errSuperseded = errors.New("a newer call has taken the record")

// conclude commits the end of an intent of this replica: the outcome if it is to be recorded, the audit
// record, the unlocked objects and the released reservation.
func (k *Coordinator) conclude(ctx context.Context, e *openEntry, o changeOutcome) error {
	ctx, span := tracing.Start(ctx, "change.finish")
	err := k.end(ctx, e, o, "")
	if errors.Is(err, errSuperseded) {
		// Callers still wait for this call, so the outcome gets its own record.
		err = k.end(ctx, e, o, outcomePrefix+e.Intent.ID)
	}
	span.End(err)
	return err
}

// end commits the end of an intent. If a newer call has overwritten the record of this call, end writes the
// outcome to ownKey, or returns errSuperseded if ownKey is "".
func (k *Coordinator) end(ctx context.Context, e *openEntry, o changeOutcome, ownKey string) error {
	for {
		if err := k.tryEnd(ctx, e, o, ownKey); !errors.Is(err, store.ErrOutdated) {
			return err
		}
	}
}

// tryEnd is end, but fails with store.ErrOutdated if the release does not fit the records any more.
func (k *Coordinator) tryEnd(ctx context.Context, e *openEntry, o changeOutcome, ownKey string) error {
	id, keys := e.Intent.ID, e.keys()
	release, err := k.release(ctx, e, &o)
	if err != nil {
		return err
	}
	all := slices.Concat(keys.all, release.Keys())
	if ownKey != "" {
		all = append(all, ownKey)
	}
	for key := range o.remember {
		all = append(all, key)
	}
	return k.config.Store.Commit(ctx, all, func(now map[string]store.Record) (store.Changes, error) {
		if err := k.own(now, keys.open, e.written.Value); err != nil {
			return store.Changes{}, err
		}
		mine, err := e.names(now[keys.call].Value)
		if err != nil {
			return store.Changes{}, err
		}
		changes := map[string]*store.Record{keys.open: nil}
		for _, key := range keys.objects {
			last := readObject(now[key].Value)
			if last.holder != id {
				continue
			}
			if o.changed {
				last.last = id
			}
			changes[key] = last.unlocked(k.config.RetryWindow)
		}
		switch {
		case o.kept && mine:
			changes[keys.call] = k.answer(e, o)
		case o.kept && ownKey == "":
			return store.Changes{}, errSuperseded
		case o.kept:
			changes[ownKey] = until(e.call(o), k.config.RetryWindow)
		case mine:
			changes[keys.call] = nil
		}
		maps.Copy(changes, o.remember)
		return store.Changes{Records: changes, Lines: o.lines}, release.Apply(now, changes)
	})
}

// release returns the Release of a change.
func (k *Coordinator) release(ctx context.Context, e *openEntry, o *changeOutcome) (Release, error) {
	switch {
	case e.reservation != nil:
		return e.reservation.Release(ctx, o.ended())
	case len(e.Intent.Reserved) > 0 && k.config.Release != nil:
		return k.config.Release(ctx, e.Intent.Reserved, o.ended())
	}
	return nothing{}, nil
}

// nothing is the Release of a change without a reservation.
type nothing struct{}

func (nothing) Keys() []string { return nil }

func (nothing) Apply(map[string]store.Record, map[string]*store.Record) error { return nil }

// names reports whether call, the record of a call, belongs to e. It decodes call only if call differs from
// the record that this process wrote.
func (e *openEntry) names(call []byte) (bool, error) {
	if len(call) == 0 || bytes.Equal(call, e.writtenCall.Value) {
		return len(call) > 0, nil
	}
	c, err := decodeCall(call)
	return c.ID == e.Intent.ID, err
}

// answer returns the record of a finished call. The answer to a call without a key is kept for the
// RetryWindow.
func (k *Coordinator) answer(e *openEntry, o changeOutcome) *store.Record {
	if e.Keyed {
		return until(e.call(o), k.config.Retention)
	}
	return until(e.call(o), k.config.RetryWindow)
}

// own returns errNotOwner if this replica does not own the intent. It decodes the record only if the record
// differs from the record that this process wrote.
func (k *Coordinator) own(now map[string]store.Record, openKey string, written []byte) error {
	if kept, open := now[openKey]; open && written != nil && bytes.Equal(kept.Value, written) {
		return nil
	}
	e, err := lookup(now, openKey, decodeOpen)
	if err != nil {
		return err
	}
	if e == nil || e.Owner != k.config.Replica {
		return errNotOwner
	}
	return nil
}
