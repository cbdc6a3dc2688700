// Package batch lets secrets that several callers create in the same store
// leave in one call, while that call waits for its permit.
//
// It must not know who is calling, how permits are shared, or what becomes of a
// change whose answer was lost: it is given what grants permits and what sends.
//
// No caller may suffer from what travels with its own secrets, or see any of
// it. A refusal of several items is therefore kept here: the items go again
// in other company until each has an answer of its own.
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
	// defaultAttempt bounds a call for several where the configuration says
	// nothing.
	defaultAttempt = 30 * time.Second
	// maxRides is how often an item travels with whoever comes along, before
	// the company of others that are refused has delayed it enough.
	maxRides = 3
	// mostInCompany is how often a change is sent in company. What was lost more
	// often goes alone: whatever is wrong with one of its items, or with those of
	// others, then stays with its owner.
	mostInCompany = 1
)

// Listings lists what a store holds. A listing is whole, and its reading began
// at or after notBefore. Errors are faults.
type Listings interface {
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
}

// Config is what a Batcher is made from.
type Config struct {
	// Acquire waits for a permit for a change. Of the ask, it is given Group,
	// Parcel, Items and Bytes; who pays, and what else there is to say, is for it
	// to add.
	Acquire func(ctx context.Context, a *change.Attempt, ask budget.Ask) (*budget.Permit, error)
	// Listings is asked what exists when a call for several was refused, since
	// nobody knows whether Cloudflare then made some of them. Nil means that it
	// made none.
	Listings Listings
	// Holds says whether a store is known to have a secret of a name. A call that
	// makes one nevertheless has no company. It must be quick. Nil means that
	// nothing is known.
	Holds func(account, storeID, name string) bool
	// Observe is told of how many items each call carries. Nil: nobody is told.
	Observe func(parcels int)
	// Attempt bounds a call for several and the look after it, each. It does
	// not include the wait for the turn. 0 means 30 seconds.
	Attempt time.Duration
	// Clock tells the time. Nil means time.Now.
	Clock func() time.Time
	// Ahead says how far Cloudflare's clock is ahead of Clock, for an account.
	// Nil means that it is not.
	Ahead func(account string) time.Duration
}

// Batcher makes secrets, in company where there is some. It is safe for
// concurrent use.
type Batcher struct {
	acquire  func(context.Context, *change.Attempt, budget.Ask) (*budget.Permit, error)
	listings Listings
	holds    func(account, storeID, name string) bool
	observe  func(parcels int)
	limit    time.Duration
	clock    func() time.Time
	ahead    func(string) time.Duration

	hazards *hazards
	// halves numbers the groups of those that were parted.
	halves atomic.Uint64
	rides  sync.WaitGroup
}

// New makes a coalescer.
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

// Close waits until the calls for several that are under way have ended, which
// they do within their bound. No secrets may be created after it was called.
func (c *Batcher) Close() { c.rides.Wait() }

// Apply makes secrets and gives them in the order of the change. Other changes
// go on as they are. It is a change.Step: next sends a request and is given the
// permit for it in Attempt.Permit. A permit that was not used is given back here.
//
// The fault has the reason fault.ReasonUpstreamAnswerLost where the secrets may have
// been made, also when the context ends while they are under way.
func (c *Batcher) Apply(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
	if a.Op.Kind != change.CreateSecrets || len(a.Op.Secrets) == 0 {
		// An empty list is refused before it costs a permit.
		return next(ctx, a)
	}
	ctx, span := tracing.Start(ctx, "batch")
	r, err := c.travel(ctx, a, next)
	span.End(err)
	return r, err
}

// travel takes the secrets of a change along until they have an answer.
func (c *Batcher) travel(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
	mine := newParcel(ctx, a, next)
	if a.Sends > mostInCompany {
		mine.group = alone
	}
	for {
		if mine.group != alone && c.risky(mine) {
			mine.group = alone
		}
		got, err := c.ride(ctx, mine)
		if err != nil || !got.again {
			return got.result, or(err, got.err)
		}
		mine.group, mine.rides = got.group, mine.rides+1
	}
}

// ride takes an item along once, by its own permit or by another's.
func (c *Batcher) ride(ctx context.Context, mine *item) (itemResult, error) {
	permit, err := c.acquire(ctx, mine.a, mine.ask())
	if err != nil {
		return itemResult{}, err
	}
	if permit.Joined() {
		return mine.wait(ctx)
	}
	company := itemList{mine}
	for _, other := range permit.Members() {
		if passenger, ok := other.(*item); ok {
			company = append(company, passenger)
		}
	}
	if len(company) == 1 {
		defer permit.Done(budget.Result{})
		defer c.depart(mine)()
		own := *mine.a
		own.Permit = permit
		c.observe(1)
		r, err := mine.next(ctx, &own)
		if mine.rides > 0 && ofItem(err) {
			// It was one of those that spoiled the calls before.
			c.hazards.blame(mine.ownerKey(), c.clock())
		}
		return itemResult{result: r, err: err}, nil
	}
	// Who leads may leave, and the others go on.
	c.rides.Go(func() { c.deliver(permit, company) })
	return mine.wait(ctx)
}

// alone is a group for one.
const alone = ""

// half makes a group that nobody else is in.
func (c *Batcher) half(p *item) string {
	return p.home() + "/" + strconv.FormatUint(c.halves.Add(1), 10)
}

func or(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// lost makes the fault of an item of which nobody knows what became.
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
