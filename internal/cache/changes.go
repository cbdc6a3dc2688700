package cache

import (
	"context"
	"errors"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// Apply runs the next step and applies its result to the cache before it returns. It is a
// change.Step.
func (l *Listings) Apply(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
	op := &a.Op
	of := l.accounts[op.Account]
	if of == nil {
		return next(ctx, a)
	}
	store := storeOf(op)
	since := of.beginChange(store)
	r, err := next(ctx, a)
	if err == nil {
		e := outcome(op, r)
		e.Store = store
		of.publishChange(ctx, e, since)
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	of.endChange(store)
	if err != nil {
		ids, names := objectsOf(op)
		of.failed(scope.Tenant(ctx), err, store, ids, names)
	}
	return r, err
}

// publishChange publishes the event of a change that began after since, and then applies the event. A single
// replica publishes nothing, so the event of its changes need not be copied to the heap for publish.
func (a *accountListings) publishChange(ctx context.Context, e logEvent, since uint64) {
	if a.listings.config.Log == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.apply(e, since)
		return
	}
	published := e
	a.publish(ctx, published, func() { a.apply(published, since) })
}

// storeOf returns the store whose secrets the operation changes. The result is empty if the
// operation changes the account's list of stores.
func storeOf(op *change.Op) string {
	if op.Kind == change.CreateStore || op.Kind == change.DeleteStore {
		return ""
	}
	return op.StoreID
}

// outcome returns the log event for a change that succeeded.
func outcome(op *change.Op, r change.Result) logEvent {
	switch op.Kind {
	case change.CreateStore:
		if r.Store == nil {
			return logEvent{}
		}
		return logEvent{Stores: []upstream.Store{*r.Store}}
	case change.DeleteStore:
		return logEvent{Deleted: []string{op.StoreID}}
	case change.DeleteSecret, change.DeleteSecrets:
		return logEvent{Deleted: op.SecretIDs}
	default:
		return logEvent{Secrets: r.Secrets}
	}
}

// objectsOf returns the identifiers and the names of the objects in a change.
func objectsOf(op *change.Op) (ids, names []string) {
	switch op.Kind {
	case change.CreateStore:
		return nil, []string{op.StoreName}
	case change.DeleteStore:
		return []string{op.StoreID}, nil
	default:
		return op.SecretIDs, op.Names()
	}
}

// beginChange counts a change as running, and returns the tick at which the change began.
func (a *accountListings) beginChange(store string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running[store]++
	return a.next()
}

// endChange counts a change as ended. The caller holds the lock.
func (a *accountListings) endChange(store string) {
	a.running[store]--
	if a.running[store] == 0 {
		delete(a.running, store)
	}
}

// failed handles a change that failed. The change may have been made, or the error may show that
// the snapshot is wrong; then the list is read again, at the expense of the change's tenant. The
// caller holds the lock.
func (a *accountListings) failed(payer string, err error, store string, ids, names []string) {
	f := fault.From(err)
	a.version++
	r := failedChange{payer: payer, lost: answerLost(err), fault: f, ids: ids, names: names}
	if store == "" {
		invalidateIfWrong(a.stores, r)
		for _, id := range ids {
			if s := a.known(id); s != nil && (r.lost || f.Kind == fault.NotFound || f.Kind == fault.NotEmpty && len(s.entries) == 0) {
				s.invalidateFor(payer)
			}
		}
		return
	}
	if f.Reason == noStore().Reason {
		invalidateIfWrong(a.stores, failedChange{payer: payer, lost: r.lost, fault: f, ids: []string{store}})
		r.ids = nil
	}
	if s := a.known(store); s != nil {
		invalidateIfWrong(s, r)
	}
}

// failedChange is a failed change and its tenant.
type failedChange struct {
	payer string
	// lost reports that the response was lost, so that the outcome is unknown.
	lost       bool
	fault      *fault.Error
	ids, names []string
}

// invalidateIfWrong invalidates a list if the failed change contradicts the list.
func invalidateIfWrong[T any](s *collection[T], c failedChange) {
	f := c.fault
	switch {
	case c.lost,
		f.Kind == fault.NotFound && slices.ContainsFunc(c.ids, s.has),
		f.Kind == fault.NotFound && len(c.ids) == 0,
		f.Kind == fault.NameTaken && slices.ContainsFunc(c.names, func(name string) bool { return !s.named(name) }),
		f.Kind == fault.LimitReached && s.older(time.Second),
		// Whether Cloudflare refuses a batch as a whole is unknown.
		max(len(c.ids), len(c.names)) > 1 && (f.Kind == fault.NameTaken || f.Kind == fault.LimitReached || f.Kind == fault.BadInput):
		s.invalidateFor(c.payer)
	}
}

func (s *collection[T]) has(id string) bool {
	_, ok := s.entries[id]
	return ok
}

func (s *collection[T]) named(name string) bool {
	_, ok := s.names[name]
	return ok
}

func (s *collection[T]) older(than time.Duration) bool {
	return s.whole != nil && s.of.clock().Sub(s.whole.began) > than
}

// answerLost reports whether the response was lost, so that the outcome of the change is unknown.
func answerLost(err error) bool {
	for err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			return false
		}
		if f.Reason == fault.ReasonUpstreamAnswerLost {
			return true
		}
		err = f.Unwrap()
	}
	return false
}
