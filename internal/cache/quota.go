package cache

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// cachedQuota is the last answer about the quota of an account. The lock of the account guards all
// fields but rounds.
type cachedQuota struct {
	rounds  freshFlights
	answer  upstream.Answer[upstream.Quota]
	known   bool
	began   time.Time
	version uint64
	failed  time.Time
	err     error
}

// Quota returns the quota of an account. A cached answer is valid until the account changes or the
// answer is older than MaxStaleness.
func (c *Client) Quota(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error) {
	a := c.listings.accounts[account]
	if a == nil {
		return c.next.Quota(ctx, account)
	}
	strict := scope.Fresh(ctx)
	apart := a.follow(ctx) != nil
	tooOld := func(f scope.Freshness) bool { return apart && f.Age > c.listings.config.MaxAge }
	if answer, f, ok := a.keptQuota(strict); ok && !tooOld(f) {
		f.Stale = f.Stale || apart
		tellAge(ctx, f)
		return answer, nil
	}
	err := a.quota.rounds.join(ctx, func(done func(error)) {
		limit := a.quotaLimit()
		c.listings.background(ctx, limit, func(ctx context.Context) { done(a.readQuota(ctx, c.next)) })
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	f := scope.Freshness{Age: max(a.clock().Sub(a.quota.began), 0)}
	if err != nil {
		if strict || !a.quota.known || ctx.Err() != nil || !outage(err) || tooOld(f) {
			return upstream.Answer[upstream.Quota]{}, err
		}
		f.Hit, f.Stale = true, true
	}
	tellAge(ctx, f)
	return a.quota.shown(), nil
}

// keptQuota returns the cached answer if it is valid, or if the last call has just failed.
func (a *accountListings) keptQuota(ask bool) (upstream.Answer[upstream.Quota], scope.Freshness, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q, now := &a.quota, a.clock()
	f := scope.Freshness{Hit: true, Age: max(now.Sub(q.began), 0)}
	switch {
	case !q.known:
		return upstream.Answer[upstream.Quota]{}, f, false
	case !ask && q.version == a.version && f.Age <= a.listings.config.MaxStaleness:
		return q.shown(), f, true
	case !ask && q.err != nil && outage(q.err) && kindOf(q.err) != fault.Throttled && now.Sub(q.failed) < failurePause:
		f.Stale = true
		return q.shown(), f, true
	}
	return upstream.Answer[upstream.Quota]{}, f, false
}

func (a *accountListings) quotaLimit() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.quota.known {
		return refreshLimit
	}
	return readLimit
}

func (a *accountListings) readQuota(ctx context.Context, from upstream.Reader) error {
	a.mu.Lock()
	version, began := a.version, a.clock()
	a.mu.Unlock()
	answer, err := from.Quota(ctx, a.id)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quota.err, a.quota.failed = err, a.clock()
	if err != nil {
		return err
	}
	a.quota.answer, a.quota.known, a.quota.began, a.quota.version = answer, true, began, version
	return nil
}

// shown returns the cached numbers and notices, without the ray ID, which belongs to one call.
func (q *cachedQuota) shown() upstream.Answer[upstream.Quota] {
	return upstream.Answer[upstream.Quota]{Result: q.answer.Result, Info: q.answer.Info, Notices: q.answer.Notices}
}
