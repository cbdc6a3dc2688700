package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/tracing"
)

var (
	// errKnown says that the store has a record that may answer the call.
	errKnown = errors.New("the call is known")
	// errBusy says that another change has locked an object.
	errBusy = errors.New("an object is held by another change")
	// errNoHeartbeat says that other replicas may consider this replica dead.
	errNoHeartbeat = errors.New("this replica has no heartbeat")
)

// refused wraps the error of a commit that the Reservation refused. The change has not begun.
type refused struct{ error }

// operation is a change that a flight makes.
type operation struct {
	// claim holds the locks of the objects in this process.
	*claim

	entry openEntry
	held  func() bool
	// detached is the context of the change. deadline is its end after the Limit.
	detached detachedRun
	deadline time.Time
	// running is the operation for Run.
	running Operation
}

// begin locks the objects and commits the intent. It waits for the locks until patience ends, and then
// returns errImpatient. It returns errKnown if the store has a record that may answer the call. After any
// error the change has not begun.
func (k *Coordinator) begin(ctx context.Context, patience time.Time, f *flight) (*operation, error) {
	own, err := k.lock(ctx, patience, f)
	if err != nil {
		return nil, err
	}
	begun := false
	defer func() {
		if !begun {
			own.free()
		}
	}()
	for first := true; ; first = false {
		if !first || !k.ownsAllLocks() {
			if err := k.waitUnlocked(ctx, patience, f); err != nil {
				return nil, err
			}
		}
		op, err := k.tryBegin(ctx, f, own)
		if errors.Is(err, errBusy) {
			continue
		}
		if refusal, ok := errors.AsType[*refused](err); ok {
			if err = f.call.Reservation.Wait(ctx, refusal.error); err == nil {
				continue
			}
			return nil, err
		}
		begun = err == nil
		return op, err
	}
}

// lock waits for the in-process locks of the objects of f, until patience ends.
func (k *Coordinator) lock(ctx context.Context, patience time.Time, f *flight) (*claim, error) {
	asked := time.Now()
	own := &f.claim
	k.locks.enter(own, f.call.Objects, f.call.Urgent)
	if own.ready == nil {
		k.waited(f.ctx, asked)
		return own, nil
	}
	patient, end := context.WithDeadlineCause(ctx, patience, errImpatient)
	defer end()
	err := own.wait(patient)
	k.waited(f.ctx, asked)
	return own, impatience(patient, err)
}

// impatience returns errImpatient if err is due to the end of patient by patience, and err otherwise.
func impatience(patient context.Context, err error) error {
	if impatient(patient) && patient.Err() != nil && errors.Is(err, patient.Err()) {
		return errImpatient
	}
	return err
}

// ownsAllLocks reports whether only flights of this process can hold an object. The in-process lock then
// suffices.
func (k *Coordinator) ownsAllLocks() bool { return k.config.Alone && k.orphans.none() }

// tryBegin tries once to commit the intent. After errBusy the caller may try again.
func (k *Coordinator) tryBegin(ctx context.Context, f *flight, own *claim) (*operation, error) {
	// The lease is taken before the intent is read, so that a pause of this process ends the ownership.
	held := k.lease.hold()
	if !held() {
		return nil, notKept(errNoHeartbeat)
	}
	op := &operation{claim: own, held: held}
	op.entry = openEntry{
		reservation: f.call.Reservation, Owner: k.config.Replica, Call: f.call.identity, Print: f.call.print, Keyed: f.call.Key != "",
		named: entryKeys{call: f.call.record},
	}
	if err := k.ask(ctx, f, own.urged, &op.entry.Intent); err != nil {
		return nil, err
	}
	id := op.entry.Intent.ID
	k.adopt(f, id)
	entered := false
	defer func() {
		if !entered {
			k.leave(id)
		}
	}()
	if err := k.enter(ctx, f, op); err != nil {
		return nil, err
	}
	entered = true
	return op, nil
}

// enter commits the intent. From then on other replicas see the change.
func (k *Coordinator) enter(ctx context.Context, f *flight, op *operation) error {
	k.step(f.ctx, StepIntent)
	keeping, span := tracing.Start(f.ctx, "change.begin")
	err := k.keep(keeping, f, op)
	span.End(err)
	switch {
	case errors.Is(err, errKnown), errors.Is(err, errBusy), isRefused(err):
		return err
	case err == nil:
		k.observe(about(EventBegan, &op.entry.Intent, nil))
		k.step(f.ctx, StepIntended)
		err = k.confirm(ctx, f, op)
	}
	if err != nil {
		k.discard(ctx, f, op, err)
	}
	return err
}

// waitUnlocked waits until no other change has locked an object of f, or until patience ends.
func (k *Coordinator) waitUnlocked(ctx context.Context, patience time.Time, f *flight) error {
	patient, end := context.WithDeadlineCause(ctx, patience, errImpatient)
	defer end()
	return impatience(patient, k.pollUnlocked(patient, f))
}

func (k *Coordinator) pollUnlocked(ctx context.Context, f *flight) error {
	callKey := f.call.record
	objects := objectKeys(f.call.Objects)
	keys := append([]string{callKey}, objects...)
	for delay := firstPoll; ; delay = min(delay*3/2, lastPoll) {
		now, err := k.config.Store.Get(ctx, keys...)
		if err != nil {
			return storeFault(err)
		}
		known, err := lookup(now, callKey, decodeCall)
		if err != nil {
			return err
		}
		if known != nil && f.call.answeredBy(known) {
			return errKnown
		}
		if !taken(now, objects, "") {
			return nil
		}
		asked := time.Now()
		err = pause(ctx, delay)
		k.waited(f.ctx, asked)
		if err != nil {
			return err
		}
	}
}

// ask sets i to Description.Intent with the defaults. The id and start time of i, if set, are retained.
func (k *Coordinator) ask(ctx context.Context, f *flight, urged <-chan struct{}, i *Intent) error {
	began, earlierID, earlierBegan := time.Now(), i.ID, i.Began
	*i = Intent{}
	if f.call.Description != nil {
		var err error
		if *i, err = f.call.Description.Intent(ctx, urged); err != nil {
			return err
		}
	}
	if i.ID == "" {
		i.ID = rand.Text()
	}
	if i.Method == "" {
		i.Method = f.call.Method
	}
	if i.Caller == "" {
		i.Caller = f.call.Caller
	}
	if i.Began.IsZero() {
		i.Began = began
	}
	i.Objects, i.Within = f.call.Objects, f.call.Within
	if len(i.Op)+len(i.Baseline) > mostIntent {
		return tooLarge()
	}
	if earlierID != "" {
		i.ID, i.Began = earlierID, earlierBegan
	}
	if f.call.Reservation != nil {
		i.Reserved = f.call.Reservation.Note()
	}
	return nil
}
