package cache

import (
	"context"
	"errors"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/pagination"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// mostTries is the maximum number of attempts to read a list that changes during the reading.
	mostTries = 3
	// refreshLimit is the timeout of a reading while there is an older listing to show.
	refreshLimit = 5 * time.Second
	// readLimit is the timeout of any other reading.
	readLimit = 30 * time.Second
	// pageTime is added to the timeout for each page.
	pageTime = time.Second
)

// errLarge reports a list that is too long to cache.
var errLarge = errors.New("cache: the list is too long to keep")

// reading is a running reading of a list. The results are valid once done is closed.
type reading struct {
	done   chan struct{}
	tenant string
	start  readStart
	err    error
}

// begin starts a reading. The reading continues if the caller leaves, because other callers may
// wait for it. If a tenant was charged for the reading, that tenant pays for it once. The caller
// holds the lock.
func (s *collection[T]) begin(ctx context.Context) *reading {
	if s.charged {
		ctx, s.charged = scope.WithTenant(ctx, s.payer), false
	}
	r := &reading{done: make(chan struct{}), tenant: scope.Tenant(ctx)}
	s.reading = r
	limit := readLimit
	if s.whole != nil {
		limit = refreshLimit
	}
	limit += pageTime * time.Duration(len(s.entries)/pagination.MostPerPage)
	s.of.listings.background(ctx, limit, func(ctx context.Context) { s.run(ctx, r) })
	return r
}

// run reads the list. run follows the log before the reading, so that events that arrive later are
// newer than the listing. run follows the log again after the reading, so that this replica has
// applied every change that another replica may miss in the listing.
func (s *collection[T]) run(ctx context.Context, r *reading) {
	// If the log cannot be reached, each read notices by its own call of follow.
	_ = s.of.follow(ctx)
	l, err := s.readWhole(ctx, s.of.listings.config.MostItems)
	missing := kindOf(err) == fault.NotFound
	switch {
	case err == nil:
		_ = s.of.follow(ctx)
		s.announce(ctx, l)
	case missing:
		s.of.markStoreMissing(ctx, s.store, l.tick)
	}
	a := s.of
	a.mu.Lock()
	defer a.mu.Unlock()
	r.start, r.err = l.readStart, err
	switch {
	case err == nil:
		s.applyListing(l)
		s.failed = failure{}
	case errors.Is(err, errLarge):
		s.clear()
		s.large = a.clock().Add(a.listings.config.MaxStaleness)
	case missing:
		s.clear()
	default:
		s.failed = failure{at: a.clock(), err: err, tenant: r.tenant}
	}
	s.reading = nil
	close(r.done)
}

// kindOf returns the kind of a fault, and Internal for any other error.
func kindOf(err error) fault.Kind {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Kind
	}
	return fault.Internal
}

// readWhole reads all pages. If items move between pages during the reading, readWhole tries again.
// After mostTries attempts, readWhole returns the union of all attempts: each item existed after
// the first attempt began.
func (s *collection[T]) readWhole(ctx context.Context, most int) (listing[T], error) {
	all := listing[T]{readStart: s.of.mark()}
	first := all.readStart
	seen := map[string]int{}
	for try := range mostTries {
		l := listing[T]{readStart: first}
		if try > 0 {
			l.readStart = s.of.mark()
		}
		steady, err := s.pass(ctx, &l, most)
		if err != nil || steady {
			return l, err
		}
		all.said = l.said
		for _, item := range l.items {
			id := s.kind.id(item)
			if at, ok := seen[id]; ok {
				all.items[at] = item
				continue
			}
			seen[id] = len(all.items)
			all.items = append(all.items, item)
		}
	}
	slices.SortStableFunc(all.items, func(x, y T) int { return s.kind.created(y).Compare(s.kind.created(x)) })
	all.items = s.kind.newestOfName(all.items)
	return all, nil
}

// newestOfName keeps the first item of each name. The list must be sorted newest first.
func (k collectionKind[T]) newestOfName(items []T) []T {
	seen := make(map[string]bool, len(items))
	return slices.DeleteFunc(items, func(item T) bool {
		name := k.name(item)
		old := seen[name]
		seen[name] = true
		return old
	})
}

// mostSaid is the maximum number of notices kept per listing.
const mostSaid = 20

// addNotices keeps the notices of a page without duplicates.
func (l *listing[T]) addNotices(said []upstream.Notice) {
	for _, n := range said {
		known := slices.ContainsFunc(l.said, func(old upstream.Notice) bool { return old.Message == n.Message && old.Pointer == n.Pointer })
		if !known && len(l.said) < mostSaid {
			l.said = append(l.said, n)
		}
	}
}

// pass reads the pages once, newest first, which is Cloudflare's default order. steady is true if
// the number of items equals the total of the first page. Items created during the pass precede the
// first page and only shift later pages.
func (s *collection[T]) pass(ctx context.Context, l *listing[T], most int) (steady bool, err error) {
	total, large, first := -1, false, true
	order := upstream.Paging{Order: orderCreated, Direction: descending}
	err = upstream.ReadPages(ctx, order, s.kind.id, s.read, func(a upstream.Answer[[]T]) (enough bool) {
		if first && a.Info != nil {
			total = a.Info.TotalCount
		}
		first = false
		large = total > most || len(l.items) > most
		l.items = append(l.items, a.Result...)
		l.addNotices(a.Notices)
		return large
	})
	if large && err == nil {
		return false, errLarge
	}
	return total < 0 || len(l.items) == total, err
}
