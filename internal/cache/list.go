package cache

import (
	"context"
	"errors"
	"slices"

	"platform.internal/storekeeper/internal/pagination"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// selection is a read of a page.
type selection[T any] struct {
	paging upstream.Paging
	order  order[T]
	choose choose[T]
	// ask asks Cloudflare for the page.
	ask func(context.Context) (upstream.Answer[[]T], error)
}

// choose gives the items that surely belong to a list, and those that possibly
// do, in the order in which they came. When both are the same, nothing depends
// on what nobody knows of Cloudflare.
type choose[T any] func([]*entry[T]) (surely, possibly []*entry[T])

func everything[T any](all []*entry[T]) (surely, possibly []*entry[T]) { return all, all }

// selected is what a selection comes to.
type selected[T any] struct {
	surely, possibly []*entry[T]
	page             []*entry[T]
	info             upstream.ResultInfo
	// chosen says that the filters leave no doubt, ordered that the page holds
	// what Cloudflare's would in any order that it may have.
	chosen, ordered bool
}

// list reads a page. Where it could be another than Cloudflare's, Cloudflare is
// asked for it.
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
	// The page serves this caller alone, so that the call is not an urgent one.
	a, err := q.ask(scope.WithFresh(ctx))
	if err != nil && found.chosen && !w.strict && outage(err) {
		// The items are right, and in a right order for all that is known.
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

// from makes the page of a list that is sorted by creation, the newest first.
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

// answer gives the page. What the items point to is shared with every other
// answer and with what is kept.
func (v selected[T]) answer(said []upstream.Notice) upstream.Answer[[]T] {
	items := make([]T, len(v.page))
	for i, f := range v.page {
		items[i] = f.item
	}
	return upstream.Answer[[]T]{Result: items, Info: &v.info, Notices: said}
}

// compare looks whether a page of Cloudflare's agrees with the snapshot that the
// next read would be shown. Where it does not, or a change is under way that it
// may have shown, the list is read anew first. The tenant of this read pays for
// that.
func (s *collection[T]) compare(ctx context.Context, a upstream.Answer[[]T], v selected[T], changes uint64) {
	_ = s.of.follow(ctx)
	s.of.mu.Lock()
	agrees := s.of.running[s.store] == 0 && s.changes == changes && s.agrees(a, v)
	s.of.mu.Unlock()
	if !agrees {
		payer := scope.Tenant(ctx)
		s.of.tell(ctx, logEvent{Store: s.store, Doubt: true, Payer: payer}, func() { s.doubtAt(payer) })
	}
}

// agrees says whether a page contradicts nothing that is known: each item is
// one of those that possibly belong to the list, the total is at least the
// number of those that surely do and at most the number of those that possibly
// do, and a page that holds the whole list lacks none of those that surely do.
func (s *collection[T]) agrees(a upstream.Answer[[]T], v selected[T]) bool {
	possible := make(map[string]bool, len(v.possibly))
	for _, f := range v.possibly {
		possible[s.kind.id(f.item)] = true
	}
	shown := map[string]bool{}
	for _, item := range a.Result {
		id := s.kind.id(item)
		shown[id] = true
		if f, ok := s.facts[id]; !ok || !possible[id] || !s.kind.same(f.item, item) {
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
