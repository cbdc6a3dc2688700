// Package reconcile finds out what became of a change whose answer was lost, and
// finishes it, so that its caller gets an answer as if nothing had happened.
//
// It must not know who is calling, how calls are paid for, where intents are
// kept, or how a listing comes about: it is given what makes changes and what
// lists.
//
// Cloudflare has no idempotency, so a settled change rests on three things. A
// name is unique in its store, so a change that makes something can be sent
// again without making it twice. What was made under a wanted name since the
// change began, is not what had that name before, and was given to no other
// change, is taken for its own. All other changes name an identifier that is
// never used again, so that sending them again ends in the same state.
package reconcile

import (
	"context"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// defaultAttempt bounds one attempt where the configuration says nothing.
const defaultAttempt = 30 * time.Second

// Listings lists what Cloudflare holds. A listing is whole, and its reading
// began at or after notBefore; the zero time allows any age. Errors are faults.
type Listings interface {
	Stores(ctx context.Context, account string, notBefore time.Time) ([]upstream.Store, error)
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
}

// Finder is the Listings that find some objects without giving all, so that what
// a change costs does not grow with what there is.
type Finder interface {
	// FindStores gives the stores that have one of the names or identifiers, as
	// far as they are known, at any age.
	FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error)
	// FindSecrets does the same for the secrets of a store.
	FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error)
}

// Owners remembers which change an object was given to, so that two changes
// that wanted the same name are never both told that they made it.
type Owners interface {
	// Take gives objects to a change, and returns those that another change has
	// been given before.
	Take(ctx context.Context, change, account string, ids []string) (others []string, err error)
}

// Config is what a Reconciler is made from.
type Config struct {
	// Listings is asked what became of changes.
	Listings Listings
	// Attempt bounds each attempt to send or to look, within its context. It
	// includes the wait for the call budget. 0 means 30 seconds.
	Attempt time.Duration
	// Within bounds how long a change is settled, after its answer was lost,
	// before its caller hears that nobody knows. 0 means as long as its context.
	Within time.Duration
	// Clock tells the time. Nil means time.Now.
	Clock func() time.Time
	// Ahead says how far Cloudflare's clock is ahead of Clock, for an account.
	// Nil means that it is not.
	Ahead func(account string) time.Duration
	// Owners is shared by all who change the same accounts. Nil means that
	// nobody else does; then what this Reconciler did within the last hour is
	// remembered.
	Owners Owners
	// Observe hears of every change that had to be settled, when that came to
	// an end. It must be quick. Nil means that nobody listens.
	Observe func(Report)
}

// Report tells how a change was settled. It holds no name and no value.
type Report struct {
	// Kind is what the change does.
	Kind change.Kind
	// Account is the account, as the change named it.
	Account string
	// Outcome is what became of it.
	Outcome Conclusion
	// Looks counts the listings that were asked for, Sends the changes that
	// were sent, the first one among them.
	Looks, Sends int
	// Took is the time from the loss, or from the start of an inspection.
	Took time.Duration
}

// Conclusion is what settling came to.
type Conclusion string

// The outcomes.
const (
	// Done is a change that is made.
	Done Conclusion = "done"
	// Refused is a change that Cloudflare refused in the end, or that an
	// inspection found not done.
	Refused Conclusion = "refused"
	// Unproven is a change of which an inspection cannot show whether it was
	// made.
	Unproven Conclusion = "unproven"
	// Open is a change of which is still not known whether it was made.
	Open Conclusion = "open"
)

// Reconciler makes changes and settles those whose answer was lost. It is safe for
// concurrent use.
//
// Two changes of the same object are made one after the other by whoever calls:
// the objects of a change are locked before it is sent.
type Reconciler struct {
	listings Listings
	limit    time.Duration
	within   time.Duration
	clock    func() time.Time
	ahead    func(string) time.Duration
	owners   Owners
	observe  func(Report)
	// calls numbers the changes that have no identifier.
	calls atomic.Uint64
}

// New makes a Reconciler.
func New(c Config) *Reconciler {
	s := &Reconciler{
		listings: c.Listings, limit: c.Attempt, within: c.Within, clock: c.Clock,
		ahead: c.Ahead, owners: c.Owners, observe: c.Observe,
	}
	if s.limit <= 0 {
		s.limit = defaultAttempt
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.ahead == nil {
		s.ahead = func(string) time.Duration { return 0 }
	}
	if s.owners == nil {
		s.owners = newMemory(s.clock)
	}
	if s.observe == nil {
		s.observe = func(Report) {}
	}
	return s
}
