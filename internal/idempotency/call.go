package idempotency

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// Call is a request for a change.
type Call struct {
	// Caller identifies the caller. Keys of different callers never match.
	Caller string
	// Key is the idempotency key, "" for none.
	Key string
	// Retry says that a client without a key repeats an earlier call.
	Retry bool
	// Method is the method called.
	Method string
	// Payload is the request with its values, in canonical form: equal requests have equal payloads. Only
	// digests of the payload are stored.
	Payload []byte
	// Deletes says that the change only deletes objects by identifier. Since Cloudflare does not use an
	// identifier again, no later change makes the answer of a successful deletion stale.
	Deletes bool
	// Objects names the objects that the change modifies. Two changes that share an object run one after the
	// other, across replicas.
	Objects []string
	// Within names the containers of the objects. A container can only be deleted. Its deletion makes
	// recorded answers about the contained objects stale.
	Within []string
	// Urgent gives the change priority. A change that blocks an urgent change becomes urgent too (see
	// Operation.Urged).
	Urgent bool
	// Description describes the change. If it is nil, the intent has only the defaults, and the change leaves no
	// audit record.
	Description Description
	// Reservation reserves quota for the change. Nil reserves nothing.
	Reservation Reservation

	// identity and print are the digests of the call, and record is the name of its record. They are "" before
	// mark computes them.
	identity, print, record string
	// looked says that look has read the record of the call, and unrecordedCall that there was none.
	looked, unrecordedCall bool
	// outdated is the intent whose recorded answer is stale for this call.
	outdated string
}

// Description describes the change of a call.
type Description interface {
	// Admit returns an error if the change cannot be made now. It is called once, before the call waits for
	// its objects. The error is returned to the caller and not recorded.
	Admit(ctx context.Context) error
	// Intent returns the change to make. It is called with the objects locked, so it can read their state
	// before the change, and may be called several times. urged is Operation.Urged. Its error is returned to
	// the caller and not recorded.
	Intent(ctx context.Context, urged <-chan struct{}) (Intent, error)
	// Outcome returns the audit record of the outcome, or none, from the error of Run. It is called at most
	// once, and not if recovery determines the outcome.
	Outcome(err error) []audit.Record
}

// mayShare reports whether the answer of another call may answer c.
func (c *Call) mayShare() bool { return c.Key != "" || c.Retry }

// answeredBy reports whether e, a record with the identity of c, may answer c.
func (c *Call) answeredBy(e *callEntry) bool { return c.mayShare() && e.ID != c.outdated }

// admit returns an error if the change cannot be made now.
func (c *Call) admit(ctx context.Context) error {
	if c.Description != nil {
		if err := c.Description.Admit(ctx); err != nil {
			return err
		}
	}
	if c.Reservation != nil {
		return c.Reservation.Check(ctx)
	}
	return nil
}

// Intent is the durable record of a change before the change is sent.
type Intent struct {
	// ID identifies the intent. Empty: Do generates a random ID.
	ID string
	// Method and Caller default to those of the call.
	Method string
	Caller string
	// RequestID is the request id of the call. It may be empty.
	RequestID string
	// TraceID is the W3C trace of the call. It may be empty.
	TraceID string
	// Tenant is the id of the tenant that pays, and TenantName its name. TenantName is "" if it equals the id
	// or if the caller is the tenant.
	Tenant     string
	TenantName string
	// Op describes the change as JSON, without secret values.
	Op []byte
	// Baseline is the state before the change as JSON.
	Baseline []byte
	// Objects and Within are those of the call.
	Objects []string
	Within  []string
	// Names maps identifiers to names. After the change Cloudflare may have deleted the objects and their
	// names.
	Names map[string]string
	// Began is the time at which the change began, before Baseline was read. The default is now.
	Began time.Time
	// Reserved is the Note of the call's Reservation.
	Reserved []byte
	// Audit holds the audit record of the intent, or none. It is committed with the intent, but is not part of
	// the stored intent.
	Audit []audit.Record
}

// outcome returns the audit record of the change of c, and none without a Description.
func (c *Call) outcome(err error) []audit.Record {
	if c.Description == nil {
		return nil
	}
	return ending(c.Description.Outcome(err))
}

// ending completes the audit record of an outcome. Each attempt to commit the outcome writes the same record.
func ending(lines []audit.Record) []audit.Record {
	for i := range lines {
		lines[i].Kind, lines[i].Time = audit.KindOutcome, time.Now()
	}
	return lines
}

// Reservation reserves quota when a change begins, in the commit of the intent. Release returns the
// reservation in the commit of the outcome.
type Reservation interface {
	// Check returns the fault with which Take would refuse the change now. It is called before the change
	// waits for its objects and reserves nothing.
	Check(ctx context.Context) error
	// Keys are the records that Take reads and changes.
	Keys() []string
	// Take adds the reservation to changes, or refuses it with an error. It may be
	// called several times.
	Take(now map[string]store.Record, changes map[string]*store.Record) error
	// Wait handles a refusal of Take. It returns nil if Take may succeed now, and otherwise the fault for the
	// caller.
	Wait(ctx context.Context, refusal error) error
	// Note encodes the reservation for Config.Release, which releases the reservation after a restart. Empty:
	// there is nothing to release.
	Note() []byte
	// Release returns what the end of the change gives back, like Config.Release does for an intent read from
	// the store.
	Release(ctx context.Context, e Ended) (Release, error)
}

// Release returns a reservation and counts the objects made, in the commit of the outcome.
type Release interface {
	// Keys are the records that Apply reads and changes.
	Keys() []string
	// Apply adds the released reservation to changes. It may be called several times. After
	// store.ErrOutdated, the reservation is released anew.
	Apply(now map[string]store.Record, changes map[string]*store.Record) error
}

// Ended tells Config.Release how a change ended.
type Ended struct {
	// Made are the identifiers of the objects that the change created.
	Made []string
	// Done says that the change was made. Gone says that the object to delete did not exist.
	Done, Gone bool
}

// Answer is the result of Do.
type Answer struct {
	// Body is the answer of Run. The caller may modify it.
	Body []byte
	// Replayed says that another call made the change. It is also set together with a fault.
	Replayed bool
}

// Run makes a change and returns its answer.
type Run func(ctx context.Context, op *Operation) ([]byte, error)

// Operation is a change in progress.
type Operation struct {
	// Intent is the committed intent.
	Intent Intent
	// Held reports whether this process certainly still owns the change. If it returns false, Run must send
	// nothing more, because another replica may have taken over.
	Held func() bool
	// Wanted ends when no caller waits for the answer: all callers have left, or the deadline of the first
	// has passed. The change continues, but need not begin to send. Wanted is nil for Recover.
	Wanted context.Context //nolint:containedctx // the change outlives its callers
	// Urged is closed when the change is urgent or an urgent change waits for its objects. Nil for Recover.
	Urged <-chan struct{}
	// Ended is set for Recover only: after this time the change could no longer take effect. State read from
	// Cloudflare after Ended is final.
	Ended time.Time
	// Made are the identifiers of the objects that the change created. Run sets them.
	Made []string
	// Remember are records that are committed with the outcome of a successful change. Run sets them.
	// Recovery writes none.
	Remember map[string]*store.Record
}
