// Package coalesce lets secrets that several callers create in the same store
// leave in one call, while that call waits for its turn.
//
// It must not know who is calling, how turns are shared, or what becomes of a
// change whose answer was lost: it is given what grants turns and what creates.
//
// No caller may suffer from what travels with its own secrets, or see any of
// it. A refusal of several parcels is therefore kept here: the parcels go again
// in other company until each has an answer of its own.
package coalesce

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// defaultAttempt bounds a call for several where the configuration says
	// nothing.
	defaultAttempt = 30 * time.Second
	// maxRides is how often a parcel travels with whoever comes along, before
	// the company of others that are refused has delayed it enough.
	maxRides = 3
)

// Creator makes secrets. Errors are faults.
type Creator interface {
	CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error)
}

// Library lists what a store holds. A listing is whole, and its reading began
// at or after notBefore. Errors are faults.
type Library interface {
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
}

// Config is what a Coalescer is made from.
type Config struct {
	// Next makes the secrets. It is given the turn in the context (see
	// budget.From), and ends it when its call has ended. A turn that it did not
	// use is given back here.
	Next Creator
	// Acquire waits for a turn. Of the ask, it is given Group, Parcel, Items and
	// Bytes; who pays, and what else there is to say, is for it to add from the
	// context.
	Acquire func(ctx context.Context, account string, a budget.Ask) (*budget.Turn, error)
	// Library is asked what exists when a call for several was refused, since
	// nobody knows whether Cloudflare then made some of them. Nil means that it
	// made none.
	Library Library
	// Alone says of a call that it must have no company, as one may that was
	// lost in company more than once: whatever is wrong with one of its items,
	// or with those of others, then stays with its owner. Nil means that none
	// must.
	Alone func(context.Context) bool
	// Holds says whether a store is known to have a secret of a name. A call that
	// makes one nevertheless has no company. It must be quick. Nil means that
	// nothing is known.
	Holds func(account, storeID, name string) bool
	// Owner names who is to blame for a call. One whose items were refused
	// lately, more than once, has no company for a while. Nil or "" is nobody.
	Owner func(context.Context) string
	// Fit says, when it is a call's turn, why it must not be sent any more. Nil
	// means that it always may.
	Fit func(context.Context) error
	// Attempt bounds a call for several and the look after it, each. It does
	// not include the wait for the turn. 0 means 30 seconds.
	Attempt time.Duration
	// Clock tells the time. Nil means time.Now.
	Clock func() time.Time
	// Ahead says how far Cloudflare's clock is ahead of Clock, for an account.
	// Nil means that it is not.
	Ahead func(account string) time.Duration
}

// Coalescer makes secrets, in company where there is some. It is safe for
// concurrent use.
type Coalescer struct {
	next    Creator
	acquire func(context.Context, string, budget.Ask) (*budget.Turn, error)
	library Library
	alone   func(context.Context) bool
	holds   func(account, storeID, name string) bool
	owner   func(context.Context) string
	fit     func(context.Context) error
	attempt time.Duration
	clock   func() time.Time
	ahead   func(string) time.Duration

	hazards *hazards
	// halves numbers the groups of those that were parted.
	halves atomic.Uint64
	rides  sync.WaitGroup
}

// New makes a coalescer.
func New(c Config) *Coalescer {
	r := &Coalescer{
		next: c.Next, acquire: c.Acquire, library: c.Library, alone: c.Alone, fit: c.Fit,
		attempt: c.Attempt, clock: c.Clock, ahead: c.Ahead, holds: c.Holds, owner: c.Owner, hazards: newHazards(),
	}
	if r.attempt <= 0 {
		r.attempt = defaultAttempt
	}
	if r.alone == nil {
		r.alone = func(context.Context) bool { return false }
	}
	if r.holds == nil {
		r.holds = func(string, string, string) bool { return false }
	}
	if r.owner == nil {
		r.owner = func(context.Context) string { return "" }
	}
	if r.fit == nil {
		r.fit = func(context.Context) error { return nil }
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
func (c *Coalescer) Close() { c.rides.Wait() }

// CreateSecrets makes secrets and gives them in the order of the request. The
// fault has the reason upstream.ReasonAnswerLost where they may have been made,
// also when the context ends while they are under way.
func (c *Coalescer) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	if len(p.Secrets) == 0 {
		// It is refused before it costs a turn.
		return c.next.CreateSecrets(ctx, p)
	}
	mine := newParcel(ctx, p)
	mine.owner = c.owner(ctx)
	if c.alone(ctx) {
		mine.group = alone
	}
	for {
		if mine.group != alone && c.risky(mine) {
			mine.group = alone
		}
		got, err := c.ride(ctx, mine)
		if err != nil || !got.again {
			return got.answer, or(err, got.err)
		}
		mine.group, mine.rides = got.group, mine.rides+1
	}
}

// ride takes a parcel along once, by its own turn or by another's.
func (c *Coalescer) ride(ctx context.Context, mine *parcel) (outcome, error) {
	turn, err := c.acquire(ctx, mine.p.Account, mine.ask())
	if err != nil {
		return outcome{}, err
	}
	if turn.Carried() {
		return mine.wait(ctx)
	}
	company := load{mine}
	for _, other := range turn.Passengers() {
		if passenger, ok := other.(*parcel); ok {
			company = append(company, passenger)
		}
	}
	if len(company) == 1 {
		defer turn.Done(budget.Result{})
		defer c.depart(mine)()
		answer, err := c.next.CreateSecrets(budget.With(ctx, turn), mine.p)
		if mine.rides > 0 && ofItem(err) {
			// It was one of those that spoiled the calls before.
			c.hazards.blame(mine.ownerKey(), c.clock())
		}
		return outcome{answer: answer, err: err}, nil
	}
	// Who leads may leave, and the others go on.
	c.rides.Go(func() { c.deliver(turn, company) })
	return mine.wait(ctx)
}

// alone is a group for one.
const alone = ""

// half makes a group that nobody else is in.
func (c *Coalescer) half(p *parcel) string {
	return p.home() + "/" + strconv.FormatUint(c.halves.Add(1), 10)
}

func or(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// lost makes the fault of a parcel of which nobody knows what became.
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
	l := fault.New(kind, upstream.ReasonAnswerLost,
		"Cloudflare's answer to the change was lost, so the change may or may not have been made.")
	l.RetryAfter = after
	return l.Because(because)
}
