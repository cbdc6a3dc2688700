// Package batch sends secrets that several callers create in the same store in one request, if the creates
// wait for their permits at the same time.
//
// This package must not know the caller, how permits are shared, or how the outcome of a lost change is
// determined. The configuration passes the functions that acquire permits and send requests.
//
// A caller must neither suffer from the items of other callers nor see them. The Batcher therefore does not
// return a refusal of a batch to the callers. It sends the items again in smaller batches until each item has
// its own answer.
package batch

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/tracing"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// defaultAttempt is the default of Config.Attempt.
	defaultAttempt = 30 * time.Second
	// maxBatches is the number of batches after which an item is sent alone, so that refused items of other
	// callers do not delay it further.
	maxBatches = 3
	// maxBatchedSends is the number of times that a change may be sent in a batch and lose its answer. Then the
	// change is sent alone, so that a problem of one item cannot affect other callers.
	maxBatchedSends = 1
)

// Listings lists the secrets of a store. A listing is complete, and its read began at or after notBefore.
// Errors are faults.
type Listings interface {
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
}

// Config configures a Batcher.
type Config struct {
	// Acquire waits for a permit for a change. The Batcher sets Group, Member, Items and Bytes of the ask.
	// Acquire adds the tenant and the other fields.
	Acquire func(ctx context.Context, a *change.Attempt, ask budget.Ask) (*budget.Permit, error)
	// Listings is read after the refusal of a batch, because Cloudflare may nevertheless have created some of
	// the items. Nil means that a refused batch creates nothing.
	Listings Listings
	// Holds reports whether a store is known to have a secret with the name. Such a create is sent alone.
	// Holds must not block. It may be nil.
	Holds func(account, storeID, name string) bool
	// Observe is called with the number of callers of each request. It may be nil.
	Observe func(callers int)
	// Attempt bounds the request of a batch and the listing after a refusal, each. It does not include the
	// wait for the permit. 0 means 30 seconds.
	Attempt time.Duration
	// Clock returns the current time. Nil means time.Now.
	Clock func() time.Time
	// Ahead returns how far Cloudflare's clock is ahead of Clock, for an account. Nil means 0.
	Ahead func(account string) time.Duration
}

// Batcher batches creates of secrets. It is safe for concurrent use.
type Batcher struct {
	acquire  func(context.Context, *change.Attempt, budget.Ask) (*budget.Permit, error)
	listings Listings
	holds    func(account, storeID, name string) bool
	observe  func(callers int)
	limit    time.Duration
	clock    func() time.Time
	ahead    func(string) time.Duration

	hazards *hazards
	// groups numbers the groups made by splitting batches.
	groups   atomic.Uint64
	inFlight sync.WaitGroup
}

// New makes a Batcher.
func New(c Config) *Batcher {
	r := &Batcher{
		acquire: c.Acquire, listings: c.Listings, observe: c.Observe,
		limit: c.Attempt, clock: c.Clock, ahead: c.Ahead, holds: c.Holds, hazards: newHazards(),
	}
	if r.limit <= 0 {
		r.limit = defaultAttempt
	}
	if r.holds == nil {
		r.holds = func(string, string, string) bool { return false }
	}
	if r.observe == nil {
		r.observe = func(int) {}
	}
	if r.clock == nil {
		r.clock = time.Now
	}
	if r.ahead == nil {
		r.ahead = func(string) time.Duration { return 0 }
	}
	return r
}

// Close waits until the batches in flight have ended, at most for the time of Config.Attempt. The caller must
// not create secrets after calling Close.
func (c *Batcher) Close() { c.inFlight.Wait() }

// Apply creates secrets and returns them in the order of the change. It passes other changes to next. Apply
// is a change.Step: next sends a request with the permit in Attempt.Permit. Apply releases a permit that next
// did not use.
//
// The fault has the reason fault.ReasonUpstreamAnswerLost if the secrets may have been created, also if the
// context ends while the request is in flight.
func (c *Batcher) Apply(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
	if a.Op.Kind != change.CreateSecrets || len(a.Op.Secrets) == 0 {
		// An empty list is refused without a permit.
		return next(ctx, a)
	}
	ctx, span := tracing.Start(ctx, "batch")
	r, err := c.sendUntilAnswered(ctx, a, next)
	span.End(err)
	return r, err
}

// sendUntilAnswered sends the secrets of a change until they have an answer.
func (c *Batcher) sendUntilAnswered(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
	mine := newItem(ctx, a, next)
	if a.Sends > maxBatchedSends {
		mine.group = alone
	}
	for {
		if mine.group != alone && c.risky(mine) {
			mine.group = alone
		}
		got, err := c.sendOnce(ctx, mine)
		if err != nil || !got.again {
			return got.result, or(err, got.err)
		}
		mine.group, mine.batches = got.group, mine.batches+1
	}
}

// sendOnce sends an item once, with its own permit or as a member of the batch of another item.
func (c *Batcher) sendOnce(ctx context.Context, mine *item) (itemResult, error) {
	permit, err := c.acquire(ctx, mine.a, mine.ask())
	if err != nil {
		return itemResult{}, err
	}
	if permit.Joined() {
		return mine.wait(ctx)
	}
	members := itemList{mine}
	for _, other := range permit.Members() {
		if passenger, ok := other.(*item); ok {
			members = append(members, passenger)
		}
	}
	if len(members) == 1 {
		defer permit.Done(budget.Result{})
		defer c.markInFlight(mine)()
		// Nobody else uses the attempt while it is sent alone.
		mine.a.Permit = permit
		c.observe(1)
		r, err := mine.next(ctx, mine.a)
		if mine.batches > 0 && ofItem(err) {
			// This item is the cause of the earlier refusals.
			c.hazards.blame(mine.ownerKey(), c.clock())
		}
		return itemResult{result: r, err: err}, nil
	}
	// The first caller may leave while the others still wait.
	c.inFlight.Go(func() { c.sendBatch(permit, members) })
	return mine.wait(ctx)
}

// alone is the group of items that are sent alone.
const alone = ""

// newGroup returns a new unique group.
func (c *Batcher) newGroup(p *item) string {
	return p.storeGroup() + "/" + strconv.FormatUint(c.groups.Add(1), 10)
}

func or(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// lost returns the fault of an item whose outcome is unknown.
func lost(because error) *fault.Error {
	kind, after := fault.Unavailable, time.Duration(0)
	if because != nil {
		f := fault.From(because)
		switch f.Kind {
		case fault.Canceled, fault.Deadline, fault.Upstream, fault.Throttled:
			kind, after = f.Kind, f.RetryAfter
		default:
		}
	}
	l := fault.New(kind, fault.ReasonUpstreamAnswerLost,
		"Cloudflare's answer to the change was lost, so the change may or may not have been made.")
	l.RetryAfter = after
	return l.Because(because)
}
