package idempotency

import (
	"context"
	"maps"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// look finds out, when a call comes in, what the records know of it. It returns
// nil where they know nothing that may answer the call: a call without a key is
// not answered from a change after which another change of the same object was
// made, or after which the same call came again and failed. What look finds is
// noted in c.
func (k *Coordinator) look(ctx context.Context, c *Call) (*callEntry, error) {
	k.digest.mark(c)
	callKey := callPrefix + c.identity
	now, err := k.config.Store.Get(ctx, callKey)
	if err != nil {
		return nil, storeFault(err)
	}
	e, err := lookup(now, callKey, decodeCall)
	if err != nil {
		return nil, err
	}
	c.looked = true
	// Should it be known by the time of the intent, that is refused.
	c.unseen = e == nil
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

// outdated says whether the outcome of a change without a key is no answer any
// more to a call like it that comes in now.
func (k *Coordinator) outdated(ctx context.Context, c *Call, e *callEntry) (bool, error) {
	if k.forgotten.before(c.identity, e.Intent.Began) {
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

// Forget is told of a call without a key, no Retry, that came in at a time and
// failed before its intent was kept. A Retry of it must not be answered from an
// older call like it.
func (k *Coordinator) Forget(ctx context.Context, c Call, came time.Time) {
	if c.joins() {
		return
	}
	k.digest.mark(&c)
	// Also where the records are away.
	k.forgotten.add(c.identity, came, k.config.RetryWindow)
	callKey := callPrefix + c.identity
	now, err := k.config.Store.Get(ctx, callKey)
	if _, known := now[callKey]; err != nil || !known {
		return
	}
	// What this replica remembers has to do where the records cannot be written.
	_ = k.change(ctx, []string{callKey}, func(now map[string]store.Record) (map[string]*store.Record, error) {
		e, err := lookup(now, callKey, decodeCall)
		if err != nil || e == nil || e.Open || e.Intent == nil || !e.Intent.Began.Before(came) {
			return nil, err
		}
		return map[string]*store.Record{callKey: nil}, nil
	})
}

// forgotten remembers calls of which earlier outcomes are no answer any more.
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

// before says whether a change that began at a time is older than a call like
// it that failed.
func (f *forgotten) before(identity string, began time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	came, known := f.calls[identity]
	return known && began.Before(came)
}
