package idempotency

import (
	"bytes"
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// keep commits the intent with its reservation and audit line. It returns errKnown if another call has taken
// the record, errBusy if an object is locked, and a refused error if the reservation fails.
func (k *Coordinator) keep(ctx context.Context, f *flight, op *operation) error {
	e := &op.entry
	open := e.record()
	e.writtenCall.Value = (&callEntry{ID: e.Intent.ID, Print: e.Print, Open: true}).encode()
	keys, reservation := e.keys(), e.reservation
	all := keys.all
	if reservation != nil {
		all = append(all, reservation.Keys()...)
	}
	lines := e.Intent.Audit
	for i := range lines {
		lines[i].Kind, lines[i].Time = audit.KindIntent, e.Intent.Began
	}
	return k.config.Store.Commit(ctx, all, func(now map[string]store.Record) (store.Changes, error) {
		known, err := lookup(now, keys.call, decodeCall)
		if err != nil {
			return store.Changes{}, err
		}
		if known != nil && known.ID != e.Intent.ID && f.call.answeredBy(known) {
			return store.Changes{}, errKnown
		}
		if taken(now, keys.objects, e.Intent.ID) {
			return store.Changes{}, errBusy
		}
		changes := map[string]*store.Record{
			keys.call: &e.writtenCall,
			keys.open: open,
		}
		for _, key := range keys.objects {
			changes[key] = readObject(now[key].Value).locked(e.Intent.ID)
		}
		if reservation != nil {
			if err := reservation.Take(now, changes); err != nil {
				return store.Changes{}, &refused{err}
			}
		}
		return store.Changes{Records: changes, Lines: lines}, nil
	})
}

// confirm reads the state before the change again, because another replica may have changed an object before
// the lock was committed. If the state differs, confirm commits the new Baseline.
func (k *Coordinator) confirm(ctx context.Context, f *flight, op *operation) error {
	if k.config.Alone {
		return nil
	}
	before := op.entry.Intent
	now := Intent{ID: before.ID, Began: before.Began}
	if err := k.ask(ctx, f, op.urged, &now); err != nil {
		return err
	}
	if bytes.Equal(now.Baseline, before.Baseline) {
		return nil
	}
	now.Objects, now.Within = before.Objects, before.Within
	op.entry.Intent = now
	former := op.entry.written.Value
	open := op.entry.record()
	openKey := op.entry.keys().open
	return k.change(f.ctx, []string{openKey}, func(kept map[string]store.Record) (map[string]*store.Record, error) {
		if err := k.own(kept, openKey, former); err != nil {
			return nil, err
		}
		return map[string]*store.Record{openKey: open}, nil
	})
}

// discard deletes an intent that may have been committed, and of which nothing was sent. The callers do not
// wait for the deletion. If the deletion fails, the search for orphans finds the intent.
func (k *Coordinator) discard(ctx context.Context, f *flight, op *operation, err error) {
	k.finish(f, k.failed(ctx, err))
	op.free()
	o := changeOutcome{lines: f.call.outcome(err)}
	for i := range o.lines {
		o.lines[i].Outcome = audit.NotSent
	}
	bounded, cancel := context.WithTimeout(f.ctx, recordPatience)
	defer cancel()
	for delay := firstPoll; ; delay = min(2*delay, time.Second) {
		err := k.conclude(bounded, &op.entry, o)
		if err == nil || errors.Is(err, errNotOwner) || pause(bounded, delay) != nil {
			return
		}
	}
}
