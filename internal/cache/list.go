package cache

import (
	"context"
	"errors"
	"slices"

	"platform.internal/storekeeper/internal/pagination"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// selection describes a read of one page.
type selection[T any] struct {
	paging upstream.Paging
	order  order[T]
	choose choose[T]
	// ask asks Cloudflare for the page.
	ask func(context.Context) (upstream.Answer[[]T], error)
}

// choose returns the items that surely match a filter and the items that possibly match, in the
// order of the input. If the two results are equal, the filter does not depend on unknown rules of
// Cloudflare.
type choose[T any] func([]*entry[T]) (surely, possibly []*entry[T])

func everything[T any](all []*entry[T]) (surely, possibly []*entry[T]) { return all, all }

// selected is the result of a selection.
type selected[T any] struct {
	surely, possibly []*entry[T]
	page             []*entry[T]
	info             upstream.ResultInfo
	// chosen reports that the filter result is certain. ordered reports that the page is the same
	// in every order that Cloudflare may use.
	chosen, ordered bool
}

// list reads a page from the snapshot. If Cloudflare's page could differ, list asks Cloudflare.
func list[T any](ctx context.Context, s *collection[T], q selection[T]) (upstream.Answer[[]T], error) {
	w := s.wanted(ctx)
	w.list = true
	if !w.strict && s.of.closed(s.store) {
		return upstream.Answer[[]T]{}, noStore()
	}
	p, err := s.fresh(ctx, w)
	if errors.Is(err, errLarge) {
		tellAge(ctx, scope.Freshness{})
		return q.ask(ctx)
	}
	if err != nil {
		return upstream.Answer[[]T]{}, err
	}
	found := q.from(p.list)
	if found.chosen && found.ordered {
		tellAge(ctx, p.freshness(s.of.clock()))
		return found.answer(p.said), nil
	}
	// Only this caller needs the page, so the call is not urgent.
	a, err := q.ask(scope.WithFresh(ctx))
	if err != nil && found.chosen && !w.strict && outage(err) {
		// The items are right, and the order is a possible one.
		p.stale = true
		tellAge(ctx, p.freshness(s.of.clock()))
		return found.answer(p.said), nil
	}
	if err == nil {
		s.compare(ctx, a, found, p.changes)
	}
	tellAge(ctx, scope.Freshness{})
	return a, err
}

// from makes the page from a list that is sorted by creation time, newest first.
func (q selection[T]) from(all []*entry[T]) selected[T] {
	var v selected[T]
	v.surely, v.possibly = q.choose(all)
	v.chosen = len(v.surely) == len(v.possibly)
	sorted, sure := q.order.sort(v.surely)
	page, at := pagination.Cut(sorted, q.paging.Page, max(q.paging.PerPage, 0))
	v.page = page
	v.info = upstream.ResultInfo{
		Count: at.Count, Page: at.Number, PerPage: at.PerPage, TotalCount: at.Total, TotalPages: &at.Pages,
	}
	first := (at.Number - 1) * at.PerPage
	v.ordered = sure && (at.Count == 0 || q.order.parts(sorted, first) && q.order.parts(sorted, first+at.Count))
	return v
}

// answer returns the page. The items share pointers and slices with the cache and with other
// answers.
func (v selected[T]) answer(said []upstream.Notice) upstream.Answer[[]T] {
	items := make([]T, len(v.page))
	for i, f := range v.page {
		items[i] = f.item
	}
	return upstream.Answer[[]T]{Result: items, Info: &v.info, Notices: said}
}

// compare checks a page of Cloudflare against the snapshot. If they disagree, or a running change
// may be in the page, the next read reads the list again, at the expense of this read's tenant.
func (s *collection[T]) compare(ctx context.Context, a upstream.Answer[[]T], v selected[T], changes uint64) {
	_ = s.of.follow(ctx)
	s.of.mu.Lock()
	agrees := s.of.running[s.store] == 0 && s.changes == changes && s.agrees(a, v)
	s.of.mu.Unlock()
	if !agrees {
		payer := scope.Tenant(ctx)
		s.of.publish(ctx, logEvent{Store: s.store, Doubt: true, Payer: payer}, func() { s.invalidateFor(payer) })
	}
}

// agrees reports whether a page is consistent with the snapshot: each item possibly matches, the
// total lies between the number of sure matches and the number of possible matches, and a page that
// holds the whole list lacks no sure match.
func (s *collection[T]) agrees(a upstream.Answer[[]T], v selected[T]) bool {
	possible := make(map[string]bool, len(v.possibly))
	for _, f := range v.possibly {
		possible[s.kind.id(f.item)] = true
	}
	shown := map[string]bool{}
	for _, item := range a.Result {
		id := s.kind.id(item)
		shown[id] = true
		if f, ok := s.entries[id]; !ok || !possible[id] || !s.kind.same(f.item, item) {
			return false
		}
	}
	if a.Info == nil {
		return true
	}
	total := a.Info.TotalCount
	if total < len(v.surely) || total > len(v.possibly) {
		return false
	}
	return total > len(a.Result) || !slices.ContainsFunc(v.surely, func(f *entry[T]) bool { return !shown[s.kind.id(f.item)] })
}
