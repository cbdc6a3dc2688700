package idempotency

import (
	"bytes"
	"context"
	"errors"
	"maps"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/tracing"
)

// errNotOwner is when an intent is another's by now, or gone.
var errNotOwner = errors.New("the intent has another owner or is gone")

// errSuperseded is when the record of a call is about a newer call like it.
var errSuperseded = errors.New("a newer call has taken the record")

// conclude commits the end of an intent of this replica: the outcome where it is
// to be kept, its audit record, the objects and what is given back.
func (k *Coordinator) conclude(ctx context.Context, e *openEntry, o changeOutcome) error {
	ctx, span := tracing.Start(ctx, "change.finish")
	err := k.end(ctx, e, o, "")
	if errors.Is(err, errSuperseded) {
		// This call is still waited for, so its outcome gets a record of its own.
		err = k.end(ctx, e, o, outcomePrefix+e.Intent.ID)
	}
	span.End(err)
	return err
}

// end commits the end of an intent. ownKey names the record of the outcome where
// that of the call is another call's, "" where there is none yet.
func (k *Coordinator) end(ctx context.Context, e *openEntry, o changeOutcome, ownKey string) error {
	id, keys := e.Intent.ID, e.keys()
	release, err := k.release(ctx, e, &o)
	if err != nil {
		return err
	}
	all := keys.and(release.Keys()...)
	if ownKey != "" {
		all = append(all, ownKey)
	}
	for key := range o.remember {
		all = append(all, key)
	}
	return k.change(ctx, all, func(now map[string]store.Record) (map[string]*store.Record, error) {
		if err := k.own(now, id, e.raw); err != nil {
			return nil, err
		}
		mine, err := e.names(now[keys.call].Value)
		if err != nil {
			return nil, err
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
			return nil, errSuperseded
		case o.kept:
			changes[ownKey] = until(e.call(o), k.config.RetryWindow)
		case mine:
			changes[keys.call] = nil
		}
		maps.Copy(changes, o.remember)
		return changes, release.Apply(now, changes)
	}, o.lines()...)
}

// release is what the end of a change gives back.
func (k *Coordinator) release(ctx context.Context, e *openEntry, o *changeOutcome) (Release, error) {
	switch {
	case e.reservation != nil:
		return e.reservation.Release(ctx, o.ended())
	case len(e.Intent.Reserved) > 0 && k.config.Release != nil:
		return k.config.Release(ctx, e.Intent.Reserved, o.ended())
	}
	return nothing{}, nil
}

// nothing is the Release of a change that gives nothing back.
type nothing struct{}

func (nothing) Keys() []string { return nil }

func (nothing) Apply(map[string]store.Record, map[string]*store.Record) error { return nil }

// names says whether the record of a call is about e. One that is as this
// process wrote it need not be read.
func (e *openEntry) names(call []byte) (bool, error) {
	if len(call) == 0 || e.rawCall != nil && bytes.Equal(call, e.rawCall) {
		return len(call) > 0, nil
	}
	c, err := decodeCall(call)
	return c.ID == e.Intent.ID, err
}

// answer is the record of a finished call. Without a key it serves retries
// alone.
func (k *Coordinator) answer(e *openEntry, o changeOutcome) *store.Record {
	if e.Keyed {
		return until(e.call(o), k.config.Retention)
	}
	return until(e.call(o), k.config.RetryWindow)
}

// own returns errNotOwner if the intent is not this replica's. One that is as
// this process wrote it need not be read.
func (k *Coordinator) own(now map[string]store.Record, id string, written []byte) error {
	if kept, open := now[openPrefix+id]; open && written != nil && bytes.Equal(kept.Value, written) {
		return nil
	}
	e, err := lookup(now, openPrefix+id, decodeOpen)
	if err != nil {
		return err
	}
	if e == nil || e.Owner != k.config.Replica {
		return errNotOwner
	}
	return nil
}
