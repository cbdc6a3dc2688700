// Package reconcile determines the outcome of a change whose answer was lost, and finishes the change, so
// that the caller gets a normal answer.
//
// This package must not know the caller, the call budget, where intents are stored, or how listings are
// cached. Its callers pass the functions that send changes and list objects.
//
// Cloudflare has no idempotency keys, so reconciliation rests on three facts. A name is unique in its store,
// so a create can be sent again without creating the object twice. An object is adopted if it has a requested
// name, was created since the change began, did not have that name in the baseline, and was given to no other
// change. All other changes name an identifier that Cloudflare never reuses, so sending them again leads to
// the same state.
package reconcile

import (
	"context"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// defaultAttempt is the default of Config.Attempt.
const defaultAttempt = 30 * time.Second

// Listings lists objects at Cloudflare. A listing is complete. Its read began at or after notBefore; the zero
// time allows any age. Errors are faults.
type Listings interface {
	Stores(ctx context.Context, account string, notBefore time.Time) ([]upstream.Store, error)
	Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error)
}

// Finder is a Listings that can find some objects without listing all, so that the cost of a change does not
// grow with the size of a store.
type Finder interface {
	// FindStores returns the known stores that have one of the names or identifiers, at any age.
	FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error)
	// FindSecrets returns the known secrets of a store that have one of the names or identifiers, at any age.
	FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error)
}

// Owners records which change an object was given to, so that at most one change adopts or answers with an
// object.
type Owners interface {
	// Take gives objects to a change, and returns those that were given to another change before.
	Take(ctx context.Context, change, account string, ids []string) (others []string, err error)
}

// Config configures a Reconciler.
type Config struct {
	// Listings is read to determine the outcome of changes.
	Listings Listings
	// Attempt bounds each send or lookup, including the wait for the call budget. 0 means 30 seconds.
	Attempt time.Duration
	// Within bounds the reconciliation of a change. Then the caller gets a fault with an unknown outcome. 0
	// means no bound except the context.
	Within time.Duration
	// Clock returns the current time. Nil means time.Now.
	Clock func() time.Time
	// Ahead returns how far Cloudflare's clock is ahead of Clock, for an account. Nil means 0.
	Ahead func(account string) time.Duration
	// Owners is shared by all processes that change the same accounts. Nil means that there is only this
	// process. The Reconciler then remembers owners in memory for at least an hour.
	Owners Owners
	// Observe receives a Report at the end of each reconciliation. It must not block. It may be nil.
	Observe func(Report)
}

// Report describes a reconciliation. It holds no name and no value.
type Report struct {
	// Kind is the kind of the change.
	Kind change.Kind
	// Account is the account of the change, as named in the change.
	Account string
	// Outcome is the conclusion.
	Outcome Conclusion
	// Looks is the number of listings requested, and Sends the number of requests sent, including the first.
	Looks, Sends int
	// Took is the time since the loss of the answer, or since the start of an inspection.
	Took time.Duration
}

// Conclusion is the result of a reconciliation.
type Conclusion string

// The conclusions.
const (
	// Done: the change was made.
	Done Conclusion = "done"
	// Refused: Cloudflare refused the change, or an inspection found the change not done.
	Refused Conclusion = "refused"
	// Unproven: an inspection cannot show whether the change was made.
	Unproven Conclusion = "unproven"
	// Open: the outcome is still unknown.
	Open Conclusion = "open"
)

// Reconciler makes changes and reconciles those whose answer was lost. It is safe for concurrent use.
//
// The caller must lock the objects of a change before Apply, so that two changes of an object never overlap.
type Reconciler struct {
	listings Listings
	limit    time.Duration
	within   time.Duration
	clock    func() time.Time
	ahead    func(string) time.Duration
	owners   Owners
	observe  func(Report)
	// calls numbers the changes without an identifier.
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
