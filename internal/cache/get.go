package cache

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// lookup is a read of one object.
type lookup[T any] struct {
	id   string
	gone func() *fault.Error
	// ask asks Cloudflare for the object.
	ask func() (upstream.Answer[T], error)
}

// get reads one object. A snapshot that lacks the object does not prove that the object is gone,
// and a client that gets NotFound may drop the object for good. So get asks Cloudflare, unless
// Storekeeper itself deleted the object.
func get[T any](ctx context.Context, s *collection[T], l lookup[T]) (upstream.Answer[T], error) {
	w := s.wanted(ctx)
	if w.strict {
		return s.confirm(ctx, l)
	}
	if s.of.closed(s.store) {
		return upstream.Answer[T]{}, noStore()
	}
	if _, ours := s.find(l.id); ours {
		return upstream.Answer[T]{}, l.gone()
	}
	p, err := s.fresh(ctx, w)
	switch {
	case errors.Is(err, errLarge):
		tellAge(ctx, scope.Freshness{})
		return l.ask()
	case err != nil:
		return upstream.Answer[T]{}, err
	}
	found, ours := s.find(l.id)
	switch {
	case found != nil:
		tellAge(ctx, p.freshness(s.of.clock()))
		return upstream.Answer[T]{Result: found.item}, nil
	case ours:
		return upstream.Answer[T]{}, l.gone()
	}
	return s.confirm(ctx, l)
}

// find returns the entry of an object, or reports that Storekeeper deleted the object.
func (s *collection[T]) find(id string) (found *entry[T], ours bool) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	f, ok := s.entries[id]
	if !ok || s.whole == nil {
		return nil, s.gone[id].ours
	}
	return f, false
}

// confirm asks Cloudflare for an object and caches the answer.
func (s *collection[T]) confirm(ctx context.Context, l lookup[T]) (upstream.Answer[T], error) {
	since := s.of.mark().tick
	a, err := l.ask()
	// A missing object is recorded only if it is known, and other replicas may know it.
	_ = s.of.follow(ctx)
	f, refused := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		s.learn(ctx, a.Result, since)
	case !refused || f.Kind != fault.NotFound:
	case s.store != "" && f.Reason == noStore().Reason:
		s.of.markStoreMissing(ctx, s.store, since)
	default:
		s.learnMissing(ctx, l.id, since)
	}
	tellAge(ctx, scope.Freshness{})
	return a, err
}

// learn publishes and caches an object seen by a read that began after since.
func (s *collection[T]) learn(ctx context.Context, item T, since uint64) {
	take := func() { s.observe(item, since) }
	s.of.mu.Lock()
	f, known := s.entries[s.kind.id(item)]
	if known && s.kind.same(f.item, item) {
		take()
		s.of.mu.Unlock()
		return
	}
	s.of.mu.Unlock()
	e := logEvent{Store: s.store, Seen: true, Payer: scope.Tenant(ctx)}
	s.kind.put(&e, []T{item})
	s.of.publish(ctx, e, take)
}

// learnMissing records that a read that began after since did not find an object. The read says nothing about
// an object that the cache learned after since, and other replicas must not get an event about that object.
func (s *collection[T]) learnMissing(ctx context.Context, id string, since uint64) {
	take := func() { s.markMissing(id, since) }
	s.of.mu.Lock()
	f, known := s.entries[id]
	news := known && f.learned <= since || !known && s.whole == nil
	if !news {
		take()
	}
	s.of.mu.Unlock()
	if news {
		s.of.publish(ctx, logEvent{Store: s.store, Missing: []string{id}}, take)
	}
}

// freshness returns the age of a snapshot.
func (p servedListing[T]) freshness(now time.Time) scope.Freshness {
	return scope.Freshness{Hit: p.kept, Stale: p.stale, Age: max(now.Sub(p.began), 0)}
}

func tellAge(ctx context.Context, f scope.Freshness) { scope.SetFreshness(ctx, f) }
