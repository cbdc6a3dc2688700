package idempotency

import (
	"context"
	"errors"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

// searchEvery is the pause between two searches for orphans.
const searchEvery = 3 * time.Second

// errAlive says that an intent is not an orphan any more.
var errAlive = errors.New("the intent has a living owner")

// recoverOrphans searches for orphans and recovers them until the Coordinator ends.
func (k *Coordinator) recoverOrphans() {
	defer k.behind.Done()
	search := time.Now()
	for {
		if now := time.Now(); !now.Before(search) {
			if err := k.search(k.life); err != nil && k.life.Err() == nil {
				k.observe(Event{Kind: EventScanFailed, Err: err})
			}
			search = time.Now().Add(searchEvery)
		}
		ready, next := k.orphans.due(time.Now(), search)
		for _, x := range ready {
			k.behind.Add(1)
			go k.recoverOne(x)
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-k.orphans.wake:
		case <-k.life.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// search finds the open intents without a living owner.
func (k *Coordinator) search(ctx context.Context) error {
	if !k.lease.hold()() {
		return errNoHeartbeat
	}
	ctx, cancel := context.WithTimeout(ctx, k.config.Limit)
	defer cancel()
	owners := make(map[string]string)
	err := k.config.Store.Scan(ctx, openPrefix, func(key string, e store.Record) error {
		id := strings.TrimPrefix(key, openPrefix)
		open, err := decodeOpen(e.Value)
		if err != nil {
			k.observe(Event{Kind: EventScanFailed, ID: id, Err: err})
			return nil //nolint:nilerr // one bad record must not hide the others
		}
		owners[id] = open.Owner
		return nil
	})
	if err != nil {
		return err
	}
	alive, err := k.alive(ctx, owners)
	if err != nil {
		return err
	}
	var found []string
	for id, owner := range owners {
		if !alive[owner] && !k.owned(id) {
			found = append(found, id)
		}
	}
	k.orphans.merge(found)
	return nil
}

// alive reports which of the owners, other than this replica, have a heartbeat.
func (k *Coordinator) alive(ctx context.Context, owners map[string]string) (map[string]bool, error) {
	names := make(map[string]bool)
	if k.config.Alone {
		return names, nil
	}
	var keys []string
	for _, owner := range owners {
		if _, seen := names[owner]; !seen && owner != k.config.Replica {
			names[owner] = false
			keys = append(keys, replicaPrefix+owner)
		}
	}
	if len(keys) == 0 {
		return names, nil
	}
	now, err := k.config.Store.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for key := range now {
		names[strings.TrimPrefix(key, replicaPrefix)] = true
	}
	return names, nil
}

// recoverOne tries once to determine the outcome of an intent.
func (k *Coordinator) recoverOne(x *orphan) {
	defer k.behind.Done()
	held := k.lease.hold()
	e, err := k.claim(x, held)
	switch {
	case errors.Is(err, errAlive):
		k.orphans.ended(x)
		return
	case err != nil:
		k.observe(Event{Kind: EventRecoveryFailed, ID: x.id, Err: err})
		k.orphans.later(x, time.Time{})
		return
	}
	looked, settled := time.Now(), x.since.Add(k.config.Settle)
	gone := settled
	if looked.Before(settled) {
		gone = x.since
	}
	o, err := k.callRecover(e, &Operation{Intent: e.Intent, Held: held, Ended: gone})
	ended := eventOf(e, o, err)
	o.lines = k.found(e, o, err)
	o.changed = o.changed || ended.Kind == EventUnproven
	if ended.Kind != EventRecovered {
		if looked.Before(settled) {
			k.orphans.later(x, settled)
			return
		}
		err = nil
	}
	if err == nil {
		err = k.conclude(k.life, e, o)
	}
	if err == nil {
		k.kept(k.life)
	}
	k.recovered(x, ended, err)
}

// eventOf returns the event for an intent that recovery has ended.
func eventOf(e *openEntry, o changeOutcome, err error) Event {
	ev := about(EventRecovered, &e.Intent, nil)
	switch {
	case errors.Is(err, change.ErrUnproven):
		ev.Kind, ev.Err = EventUnproven, err
	case errors.Is(err, change.ErrNotDone):
		ev.Kind = EventUndone
	case o.fault != nil:
		ev.Err = o.fault
	}
	ev.Intent, ev.Body = &e.Intent, o.body
	return ev
}

// found returns the audit record of an outcome that recovery determined, and none if Config.Found is nil.
func (k *Coordinator) found(e *openEntry, o changeOutcome, err error) []audit.Record {
	if k.config.Found == nil {
		return nil
	}
	if o.fault != nil {
		err = o.fault
	}
	return ending([]audit.Record{k.config.Found(e.Intent, o.body, err)})
}

// callRecover calls Recover and classifies the result.
func (k *Coordinator) callRecover(e *openEntry, op *Operation) (changeOutcome, error) {
	ctx, cancel := context.WithTimeout(k.life, k.config.Limit)
	defer cancel()
	body, err := guarded(func() ([]byte, error) { return k.config.Recover(ctx, op) })
	switch {
	case err == nil:
		return changeOutcome{body: body, kept: true, changed: true, made: op.Made}, nil
	case errors.Is(err, change.ErrNotDone), errors.Is(err, change.ErrUnproven):
		return changeOutcome{}, err
	case errors.Is(err, errPanicked):
		k.observe(about(EventPanicked, &e.Intent, err))
		return changeOutcome{}, err
	}
	if f := fault.From(err); isDefinite(f) {
		return changeOutcome{fault: f, kept: true}, nil
	}
	return changeOutcome{}, err
}

// recovered records the result of a recovery. It reports the event ended if err is nil.
func (k *Coordinator) recovered(x *orphan, ended Event, err error) {
	switch {
	case errors.Is(err, errNotOwner):
		k.observe(about(EventDropped, ended.Intent, err))
	case err != nil:
		if k.life.Err() == nil {
			k.observe(about(EventRecoveryFailed, ended.Intent, err))
		}
		k.orphans.later(x, time.Time{})
		return
	default:
		k.observe(ended)
	}
	k.orphans.ended(x)
}

// claim makes this replica the owner of an orphan. Exactly one replica succeeds. The error is errAlive if the
// intent is closed or has a living owner.
func (k *Coordinator) claim(x *orphan, held func() bool) (*openEntry, error) {
	if !held() {
		return nil, errNoHeartbeat
	}
	e, err := k.read(x.id)
	if err != nil || e.Owner == k.config.Replica {
		return e, err
	}
	if err := k.takeOver(x.id, e.Owner); err != nil {
		return nil, err
	}
	// Until the takeover the old owner may have come back for a while.
	x.since = time.Now()
	// The old owner may have written the intent since the first read.
	if e, err = k.read(x.id); err != nil {
		return nil, err
	}
	k.observe(about(EventTaken, &e.Intent, nil))
	return e, nil
}

// read returns an open intent. It returns errAlive if the intent is not open.
func (k *Coordinator) read(id string) (*openEntry, error) {
	key := openPrefix + id
	now, err := k.config.Store.Get(k.life, key)
	if err != nil {
		return nil, err
	}
	e, err := lookup(now, key, decodeOpen)
	if err == nil && e == nil {
		err = errAlive
	}
	return e, err
}

// takeOver makes this replica the owner, if former is still the owner and has no heartbeat.
func (k *Coordinator) takeOver(id, former string) error {
	key, heartbeat := openPrefix+id, replicaPrefix+former
	return k.change(k.life, []string{key, heartbeat}, func(now map[string]store.Record) (map[string]*store.Record, error) {
		e, err := lookup(now, key, decodeOpen)
		if err != nil {
			return nil, err
		}
		_, alive := now[heartbeat]
		if e == nil || e.Owner != former || alive && !k.config.Alone {
			return nil, errAlive
		}
		e.Owner = k.config.Replica
		return map[string]*store.Record{key: e.record()}, nil
	})
}
