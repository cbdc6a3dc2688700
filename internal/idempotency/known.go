package idempotency

import (
	"context"
	"maps"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// look reads the record of an incoming call and notes the result in c. It returns nil if no record may answer
// the call. The answer to a call without a key is stale if another change of the same object followed a change
// that was not a deletion, if the same call came again and failed, or if the answer is a refusal that is due to
// other objects.
func (k *Coordinator) look(ctx context.Context, c *Call) (*callEntry, error) {
	k.digest.mark(c)
	callKey := c.record
	now, err := k.config.Store.Get(ctx, callKey)
	if err != nil {
		return nil, storeFault(err)
	}
	e, err := lookup(now, callKey, decodeCall)
	if err != nil {
		return nil, err
	}
	c.looked = true
	// If another call records the identity before the intent of c is committed, the commit returns errKnown.
	c.unrecordedCall = e == nil
	if e == nil || c.Key != "" || e.Open || e.Intent == nil {
		return e, nil
	}
	outdated, err := k.outdated(ctx, c, e)
	if err != nil || !outdated {
		return e, err
	}
	c.outdated = e.ID
	return nil, nil //nolint:nilnil // no record and no error is a plain answer
}

// outdated reports whether e, the answer to a call without a key, is stale for an equal call that arrives
// now.
func (k *Coordinator) outdated(ctx context.Context, c *Call, e *callEntry) (bool, error) {
	if k.forgotten.before(c.identity, e.Intent.Began) {
		return true, nil
	}
	if c.Deletes && len(e.Fault) == 0 {
		return false, nil
	}
	if e.refusedForOthers() {
		return true, nil
	}
	about := append(append([]string{}, e.Intent.Objects...), e.Intent.Within...)
	if len(about) == 0 {
		return false, nil
	}
	keys := objectKeys(about)
	now, err := k.config.Store.Get(ctx, keys...)
	if err != nil {
		return false, storeFault(err)
	}
	return outdated(now, keys, e.ID), nil
}

// Forget notes that a call without a key, other than a Retry, arrived at came and failed before its intent
// was committed. A Retry of the call must not get the answer of an older equal call.
func (k *Coordinator) Forget(ctx context.Context, c Call, came time.Time) {
	if c.mayShare() {
		return
	}
	k.digest.mark(&c)
	// The note in memory also works while the store is unavailable.
	k.forgotten.add(c.identity, came, k.config.RetryWindow)
	callKey := c.record
	now, err := k.config.Store.Get(ctx, callKey)
	if _, known := now[callKey]; err != nil || !known {
		return
	}
	// If the store cannot be written, the note in memory has to suffice.
	_ = k.change(ctx, []string{callKey}, func(now map[string]store.Record) (map[string]*store.Record, error) {
		e, err := lookup(now, callKey, decodeCall)
		if err != nil || e == nil || e.Open || e.Intent == nil || !e.Intent.Began.Before(came) {
			return nil, err
		}
		return map[string]*store.Record{callKey: nil}, nil
	})
}

// forgotten holds calls whose earlier outcomes are stale.
type forgotten struct {
	mu    sync.Mutex
	calls map[string]time.Time
	swept time.Time
}

func (f *forgotten) add(identity string, came time.Time, keep time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = make(map[string]time.Time)
	}
	if now := time.Now(); now.Sub(f.swept) > keep {
		maps.DeleteFunc(f.calls, func(_ string, at time.Time) bool { return now.Sub(at) > 2*keep })
		f.swept = now
	}
	if came.After(f.calls[identity]) {
		f.calls[identity] = came
	}
}

// before reports whether began is before the last failed call with the identity.
func (f *forgotten) before(identity string, began time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	came, known := f.calls[identity]
	return known && began.Before(came)
}
