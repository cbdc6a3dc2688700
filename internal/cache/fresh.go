package cache

import (
	"context"
	"errors"
	"math"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

// failurePause is the pause after a failed reading while there is an older listing to show.
const failurePause = 1500 * time.Millisecond

// readOptions are the requirements of a read on the listing.
type readOptions struct {
	// after is the tick after which the listing must have begun, and began the earliest time.
	after uint64
	began time.Time
	// asked is the tick at which the read began. An object that an earlier reading did not find may
	// exist by now.
	asked uint64
	// strict forbids an older listing as a fallback.
	strict bool
	// apart reports that the log cannot be followed, so that a listing that began before the read
	// may lack changes of other replicas.
	apart bool
	// list requests the items in order.
	list bool
}

// failure is the last failed reading.
type failure struct {
	at     time.Time
	err    error
	tenant string
}

// servedListing is the state of a list for one read.
type servedListing[T any] struct {
	list    []*entry[T]
	said    []upstream.Notice
	began   time.Time
	changes uint64
	// kept reports that no reading was needed. stale reports that the snapshot is older than the
	// read requires.
	kept, stale bool
}

// wanted returns the requirements of a read.
func (s *collection[T]) wanted(ctx context.Context) readOptions {
	w := s.anyAge(ctx)
	if scope.Fresh(ctx) {
		w.after, w.strict = w.asked, true
		return w
	}
	w.began = s.of.clock().Add(-s.of.listings.config.MaxStaleness)
	return w
}

// anyAge accepts a snapshot of any age that includes every change known to this replica. If the log
// cannot be followed, apart is set.
func (s *collection[T]) anyAge(ctx context.Context) readOptions {
	apart := s.of.follow(ctx) != nil
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	return readOptions{asked: s.of.next(), after: max(s.needs, s.of.needs), apart: apart}
}

// believable accepts a snapshot of any age that includes every change made through Storekeeper. If
// the log cannot be followed, only a new listing includes the changes of other replicas.
func (s *collection[T]) believable(ctx context.Context) readOptions {
	w := s.anyAge(ctx)
	w.strict = true
	if w.apart {
		w.after = w.asked
	}
	return w
}

// fresh returns a snapshot that satisfies w, and reads the list if necessary. If Cloudflare cannot
// be reached, fresh returns an older snapshot if w allows.
func (s *collection[T]) fresh(ctx context.Context, w readOptions) (servedListing[T], error) {
	if err := ctx.Err(); err != nil {
		return servedListing[T]{}, fault.From(err)
	}
	p, r, err := s.look(ctx, w)
	if r == nil {
		return p, err
	}
	defer telemetry.CallFrom(ctx).BeginWait()()
	enough, stop := s.patience(ctx, w)
	defer stop()
	for r != nil {
		select {
		case <-r.done:
			if r.err != nil && s.final(ctx, w, r) {
				return s.instead(w, r.err)
			}
		case <-enough:
			return s.instead(w, fault.New(fault.Deadline, fault.ReasonDeadlineExceeded, "Cloudflare did not answer in time."))
		case <-ctx.Done():
			return servedListing[T]{}, fault.From(ctx.Err())
		}
		p, r, err = s.look(ctx, w)
	}
	p.kept = p.stale
	return p, err
}

// look returns a snapshot that satisfies w, or else the reading to wait for.
func (s *collection[T]) look(ctx context.Context, w readOptions) (servedListing[T], *reading, error) {
	a := s.of
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock()
	switch {
	case s.whole != nil && s.whole.tick > w.after && !s.whole.began.Before(w.began):
		return s.show(w), nil, nil
	case now.Before(s.large):
		return servedListing[T]{}, nil, errLarge
	case !w.strict && s.whole != nil && s.failed.err != nil && now.Sub(s.failed.at) < failurePause && !s.failed.ofAnother(ctx):
		if s.tooOld(w, now) {
			return servedListing[T]{}, nil, s.failed.err
		}
		p := s.show(w)
		p.stale = true
		return p, nil, nil
	case s.reading == nil:
		return servedListing[T]{}, s.begin(ctx), nil
	}
	return servedListing[T]{}, s.reading, nil
}

// show makes a snapshot of the current entries. The caller holds the lock.
func (s *collection[T]) show(w readOptions) servedListing[T] {
	p := servedListing[T]{said: s.said, began: s.whole.began, changes: s.changes, kept: true, stale: w.apart && s.whole.tick <= w.asked}
	if w.list {
		p.list = s.sorted.list(s.entries, s.kind.newestFirst)
	}
	return p
}

// final reports whether a failed reading decides the read. A reading that began before the read
// does not, except for an outage. Nor does a reading that was throttled by the budget of another
// tenant.
func (s *collection[T]) final(ctx context.Context, w readOptions, r *reading) bool {
	if (failure{err: r.err, tenant: r.tenant}).ofAnother(ctx) {
		return false
	}
	if !w.strict && outage(r.err) || errors.Is(r.err, errLarge) {
		return true
	}
	return r.start.tick > max(w.after, w.asked) && !r.start.began.Before(w.began)
}

// ofAnother reports whether a failure concerns only the budget of another tenant.
func (f failure) ofAnother(ctx context.Context) bool {
	return kindOf(f.err) == fault.Throttled && f.tenant != scope.Tenant(ctx)
}

// instead returns the last snapshot in place of an error, if w allows.
func (s *collection[T]) instead(w readOptions, err error) (servedListing[T], error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if w.strict || s.whole == nil || !outage(err) || s.tooOld(w, s.of.clock()) {
		return servedListing[T]{}, err
	}
	p := s.show(w)
	p.stale = true
	return p, nil
}

// tooOld reports that changes of other replicas may be missing for longer than MaxAge, so that the
// listing must not be shown any more.
func (s *collection[T]) tooOld(w readOptions, now time.Time) bool {
	return w.apart && now.Sub(s.whole.began) > s.of.listings.config.MaxAge
}

// outage reports whether an error concerns Cloudflare's availability, and not the call.
func outage(err error) bool {
	switch kindOf(err) {
	case fault.Unavailable, fault.Throttled, fault.Upstream, fault.Deadline:
		return true
	default:
		return false
	}
}

// patience returns a channel that fires when a read with a fallback should stop waiting: after
// refreshLimit or three quarters of the time to the deadline, so that time remains to answer.
func (s *collection[T]) patience(ctx context.Context, w readOptions) (enough <-chan time.Time, stop func()) {
	s.of.mu.Lock()
	spare := s.whole != nil && !w.strict
	s.of.mu.Unlock()
	if !spare {
		return nil, func() {}
	}
	limit := refreshLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)*3/4)
	}
	timer := time.NewTimer(limit)
	return timer.C, func() { timer.Stop() }
}

// whole returns all items of a list that was read at or after notBefore.
func whole[T any](ctx context.Context, s *collection[T], notBefore time.Time) ([]T, error) {
	// A listing of the required age is valid even if the log cannot be reached.
	_ = s.of.follow(ctx)
	p, err := s.fresh(ctx, readOptions{asked: s.of.mark().tick, began: notBefore, strict: true, list: true})
	if errors.Is(err, errLarge) {
		l, err := s.readWhole(ctx, math.MaxInt)
		return l.items, err
	}
	if err != nil {
		return nil, err
	}
	items := make([]T, len(p.list))
	for i, f := range p.list {
		items[i] = s.kind.clone(f.item)
	}
	return items, nil
}
