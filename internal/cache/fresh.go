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

// failurePause is how long no new reading is tried after one has failed, while
// there is an older listing to show.
const failurePause = 1500 * time.Millisecond

// readOptions is what a read asks of a listing.
type readOptions struct {
	// after and began are what the listing must have begun after, and at or
	// after.
	after uint64
	began time.Time
	// asked is when the read began. What a reading did not find before then may
	// be there now.
	asked uint64
	// strict says that nothing older does instead.
	strict bool
	// apart says that changes of other replicas may be missing in any listing
	// that began before the read did, since the log cannot be followed.
	apart bool
	// list says that the items are wanted, in their order.
	list bool
}

// failure is the last reading that failed.
type failure struct {
	at     time.Time
	err    error
	tenant string
}

// snapshot is a listing as it can be shown.
type snapshot[T any] struct {
	list    []*entry[T]
	said    []upstream.Notice
	began   time.Time
	changes uint64
	// kept says that nothing was read for it, stale that it is older than it
	// ought to be.
	kept, stale bool
}

// wanted says what a read needs.
func (s *collection[T]) wanted(ctx context.Context) readOptions {
	w := s.anyAge(ctx)
	if scope.Fresh(ctx) {
		w.after, w.strict = w.asked, true
		return w
	}
	w.began = s.of.clock().Add(-s.of.listings.config.MaxStaleness)
	return w
}

// anyAge is a snapshot of any age that no change known here is missing in. Where
// the log cannot be followed, apart says so.
func (s *collection[T]) anyAge(ctx context.Context) readOptions {
	apart := s.of.follow(ctx) != nil
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	return readOptions{asked: s.of.next(), after: max(s.needs, s.of.needs), apart: apart}
}

// believable is a snapshot of any age that no change made through Storekeeper is
// missing in. Where the log cannot be followed, only a new listing tells what
// other replicas did.
func (s *collection[T]) believable(ctx context.Context) readOptions {
	w := s.anyAge(ctx)
	w.strict = true
	if w.apart {
		w.after = w.asked
	}
	return w
}

// fresh gives a snapshot that is as wanted, and reads the list where there is
// none. Where Cloudflare cannot be asked, an older snapshot is given if that
// does.
func (s *collection[T]) fresh(ctx context.Context, w readOptions) (snapshot[T], error) {
	if err := ctx.Err(); err != nil {
		return snapshot[T]{}, fault.From(err)
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
			return snapshot[T]{}, fault.From(ctx.Err())
		}
		p, r, err = s.look(ctx, w)
	}
	p.kept = p.stale
	return p, err
}

// look gives a snapshot if there is one that will do, and else the reading to
// wait for.
func (s *collection[T]) look(ctx context.Context, w readOptions) (snapshot[T], *reading, error) {
	a := s.of
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock()
	switch {
	case s.whole != nil && s.whole.tick > w.after && !s.whole.began.Before(w.began):
		return s.show(w), nil, nil
	case now.Before(s.large):
		return snapshot[T]{}, nil, errLarge
	case !w.strict && s.whole != nil && s.failed.err != nil && now.Sub(s.failed.at) < failurePause && !s.failed.ofAnother(ctx):
		if s.tooOld(w, now) {
			return snapshot[T]{}, nil, s.failed.err
		}
		p := s.show(w)
		p.stale = true
		return p, nil, nil
	case s.reading == nil:
		return snapshot[T]{}, s.begin(ctx), nil
	}
	return snapshot[T]{}, s.reading, nil
}

// show makes a snapshot of what there is; the caller holds the lock.
func (s *collection[T]) show(w readOptions) snapshot[T] {
	p := snapshot[T]{said: s.said, began: s.whole.began, changes: s.changes, kept: true, stale: w.apart && s.whole.tick <= w.asked}
	if w.list {
		p.list = s.sorted.list(s.facts, s.kind.newestFirst)
	}
	return p
}

// final says whether the failure of a reading is an answer to a read. It is not
// where the reading began before the read, save for an outage, and where it had
// spent the budget of another tenant.
func (s *collection[T]) final(ctx context.Context, w readOptions, r *reading) bool {
	if (failure{err: r.err, tenant: r.tenant}).ofAnother(ctx) {
		return false
	}
	if !w.strict && outage(r.err) || errors.Is(r.err, errLarge) {
		return true
	}
	return r.start.tick > max(w.after, w.asked) && !r.start.began.Before(w.began)
}

// ofAnother says whether a failure says nothing of a caller's own chances.
func (f failure) ofAnother(ctx context.Context) bool {
	return kindOf(f.err) == fault.Throttled && f.tenant != scope.Tenant(ctx)
}

// instead gives the last snapshot in place of an error, if that does.
func (s *collection[T]) instead(w readOptions, err error) (snapshot[T], error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if w.strict || s.whole == nil || !outage(err) || s.tooOld(w, s.of.clock()) {
		return snapshot[T]{}, err
	}
	p := s.show(w)
	p.stale = true
	return p, nil
}

// tooOld says whether nothing may be shown any more although nothing newer can be
// read: changes of other replicas may be missing for too long.
func (s *collection[T]) tooOld(w readOptions, now time.Time) bool {
	return w.apart && now.Sub(s.whole.began) > s.of.listings.config.MaxAge
}

// outage says whether an error tells of Cloudflare, and not of the call.
func outage(err error) bool {
	switch kindOf(err) {
	case fault.Unavailable, fault.Throttled, fault.Upstream, fault.Deadline:
		return true
	default:
		return false
	}
}

// patience ends when a read that can show an older snapshot has waited enough: a
// while before its own deadline, so that there is time to show it.
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

// whole gives all items of a list that was read at or after a moment.
func whole[T any](ctx context.Context, s *collection[T], notBefore time.Time) ([]T, error) {
	// A listing of the right age is right even where the log is away.
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
