package mirror

import (
	"context"
	"errors"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/tenant"
	"platform.internal/storekeeper/internal/upstream"
)

// change is one change on its way.
type change[R any] struct {
	account string
	// store is whose secrets change. Empty: the stores of the account.
	store string
	// ids and names are those of the objects in the request.
	ids, names []string
	send       func() (upstream.Answer[R], error)
	// done says what a result means.
	done func(R) event
}

// carry hands a change on, and keeps what became of it before it returns.
func carry[R any](ctx context.Context, l *Library, c change[R]) (upstream.Answer[R], error) {
	a := l.accounts[c.account]
	if a == nil {
		return c.send()
	}
	since := a.depart(c.store)
	answer, err := c.send()
	if err == nil {
		e := c.done(answer.Result)
		e.Store = c.store
		a.tell(ctx, e, func() { a.apply(e, since) })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.arrive(c.store)
	if err != nil {
		a.failed(tenant.From(ctx), err, c.store, c.ids, c.names)
	}
	return answer, err
}

// depart counts a change in.
func (a *account) depart(store string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running[store]++
	return a.next()
}

// arrive counts a change out; the caller holds the lock.
func (a *account) arrive(store string) {
	a.running[store]--
	if a.running[store] == 0 {
		delete(a.running, store)
	}
}

// failed looks what a change that failed says of the picture: that it may have
// been made, or that the picture is wrong. The tenant of the change pays for the
// reading that this takes; the caller holds the lock.
func (a *account) failed(payer string, err error, store string, ids, names []string) {
	f := fault.From(err)
	a.version++
	r := failedChange{payer: payer, lost: answerLost(err), fault: f, ids: ids, names: names}
	if store == "" {
		doubtful(a.stores, r)
		for _, id := range ids {
			if s := a.known(id); s != nil && (r.lost || f.Kind == fault.NotFound || f.Kind == fault.NotEmpty && len(s.facts) == 0) {
				s.doubtAt(payer)
			}
		}
		return
	}
	if f.Reason == noStore().Reason {
		doubtful(a.stores, failedChange{payer: payer, lost: r.lost, fault: f, ids: []string{store}})
		r.ids = nil
	}
	if s := a.known(store); s != nil {
		doubtful(s, r)
	}
}

// failedChange is a change that failed, and the tenant that it was made for.
type failedChange struct {
	payer string
	// lost says that nobody knows whether it was made.
	lost       bool
	fault      *fault.Error
	ids, names []string
}

// doubtful has a list read anew if a fault disagrees with it.
func doubtful[T any](s *shelf[T], c failedChange) {
	f := c.fault
	switch {
	case c.lost,
		f.Kind == fault.NotFound && slices.ContainsFunc(c.ids, s.has),
		f.Kind == fault.NotFound && len(c.ids) == 0,
		f.Kind == fault.NameTaken && slices.ContainsFunc(c.names, func(name string) bool { return !s.named(name) }),
		f.Kind == fault.LimitReached && s.older(time.Second),
		// Nobody knows whether a batch that is refused is refused as a whole.
		max(len(c.ids), len(c.names)) > 1 && (f.Kind == fault.NameTaken || f.Kind == fault.LimitReached || f.Kind == fault.BadInput):
		s.doubtAt(c.payer)
	}
}

func (s *shelf[T]) has(id string) bool {
	_, ok := s.facts[id]
	return ok
}

func (s *shelf[T]) named(name string) bool {
	_, ok := s.names[name]
	return ok
}

func (s *shelf[T]) older(than time.Duration) bool {
	return s.whole != nil && s.of.clock().Sub(s.whole.began) > than
}

// answerLost says whether an error leaves open what became of a change.
func answerLost(err error) bool {
	for err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			return false
		}
		if f.Reason == upstream.ReasonAnswerLost {
			return true
		}
		err = f.Unwrap()
	}
	return false
}
