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
	// mostTries is how often a list that changes between its pages is read.
	mostTries = 3
	// refreshLimit bounds a reading while there is an older listing to show.
	refreshLimit = 5 * time.Second
	// readLimit bounds any other reading.
	readLimit = 30 * time.Second
	// pageTime is what a reading gets on top for each page.
	pageTime = time.Second
)

// errLarge is a list that is too long to keep.
var errLarge = errors.New("cache: the list is too long to keep")

// reading is a listing that is under way. Its results may be looked at once done
// is closed.
type reading struct {
	done   chan struct{}
	tenant string
	start  readStart
	err    error
}

// begin starts a reading; the caller holds the lock. It goes on when the caller
// that asked for it leaves: others wait for it too. The tenant that made it
// necessary pays for it once, where one did.
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
	limit += pageTime * time.Duration(len(s.facts)/pagination.MostPerPage)
	s.of.listings.background(ctx, limit, func(ctx context.Context) { s.run(ctx, r) })
	return r
}

// run makes a reading. The log is followed before it, so that what comes from it
// later is newer than the listing, and after it, so that this replica knows of
// everything that another one may miss in it.
func (s *collection[T]) run(ctx context.Context, r *reading) {
	// Where the log is away, each read sees that for itself.
	_ = s.of.follow(ctx)
	l, err := s.readWhole(ctx, s.of.listings.config.MostItems)
	missing := kindOf(err) == fault.NotFound
	switch {
	case err == nil:
		_ = s.of.follow(ctx)
		s.announce(ctx, l)
	case missing:
		s.of.loseStore(ctx, s.store, l.tick)
	}
	a := s.of
	a.mu.Lock()
	defer a.mu.Unlock()
	r.start, r.err = l.readStart, err
	switch {
	case err == nil:
		s.land(l)
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

// kindOf is the kind of a fault, and Internal for any other error.
func kindOf(err error) fault.Kind {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Kind
	}
	return fault.Internal
}

// readWhole reads all pages. Where items move from page to page meanwhile, it
// reads again. When they never stand still, it gives all that were seen in any
// try: each was there after the first try began.
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

// newestOfName leaves the newest item of each name in a list whose newest items
// stand first.
func (k collectionKind[T]) newestOfName(items []T) []T {
	seen := make(map[string]bool, len(items))
	return slices.DeleteFunc(items, func(item T) bool {
		name := k.name(item)
		old := seen[name]
		seen[name] = true
		return old
	})
}

// mostSaid is how many notices of a listing are kept.
const mostSaid = 20

// hear keeps what Cloudflare said beside a page, each once.
func (l *listing[T]) hear(said []upstream.Notice) {
	for _, n := range said {
		known := slices.ContainsFunc(l.said, func(old upstream.Notice) bool { return old.Message == n.Message && old.Pointer == n.Pointer })
		if !known && len(l.said) < mostSaid {
			l.said = append(l.said, n)
		}
	}
}

// pass reads the pages once, the newest first, as Cloudflare's lists are by
// default. It is steady where as many items were seen as there were at the
// first page: those that came since stand before it and only push others back.
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
		l.hear(a.Notices)
		return large
	})
	if large && err == nil {
		return false, errLarge
	}
	return total < 0 || len(l.items) == total, err
}
