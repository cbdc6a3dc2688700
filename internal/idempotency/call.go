package idempotency

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// Call is one call for a change.
type Call struct {
	// Caller is who calls. The same key of two callers is two keys.
	Caller string
	// Key is the idempotency key, "" for none.
	Key string
	// Retry says that a client without a key repeats an earlier try.
	Retry bool
	// Method is what is called.
	Method string
	// Payload is the request with its values in a form that is the same for
	// the same request. Only digests of it are kept.
	Payload []byte
	// Objects names what the change touches. Of two changes with an object in
	// common one waits for the other, on any replica.
	Objects []string
	// Within names what contains the objects. A change of it, which can only
	// delete it, ends the answers to calls about its objects.
	Within []string
	// Urgent says that the change goes before others. A change that it waits for
	// becomes urgent too (see Operation.Urged).
	Urgent bool
	// Admit says why the change cannot be made now. It is asked once, before the
	// call waits for its objects. An error of it is answered and not kept. nil:
	// nobody is asked.
	Admit func(ctx context.Context) error
	// Intent says what is going to be done. It is asked when the change is
	// about to be made, with its objects locked, so it can read what is there
	// before. urged is that of the Operation. It may be asked several times. An
	// error of it is answered and not kept. nil: there is nothing to say.
	Intent func(ctx context.Context, urged <-chan struct{}) (Intent, error)

	// Reservation is what the change takes of limits. Nil: nothing.
	Reservation Reservation
	// Outcome returns the audit record of how the change ended, from the error of
	// its run. It is asked once, and not where recovery has to find that out. Nil:
	// the change leaves no audit record.
	Outcome func(err error) audit.Record

	// identity and print are the digests of the call, "" before they are made.
	identity, print string
	// looked says that the records were asked when the call came in, and unseen
	// that they did not know it.
	looked, unseen bool
	// outdated is the intent of a change that is no answer to this call any more.
	outdated string
}

// joins says whether c may be answered by another call.
func (c *Call) joins() bool { return c.Key != "" || c.Retry }

// answeredBy says whether a record of c's identity may answer c.
func (c *Call) answeredBy(e *callEntry) bool { return c.joins() && e.ID != c.outdated }

// admit says why the change cannot be made now.
func (c *Call) admit(ctx context.Context) error {
	if c.Admit != nil {
		if err := c.Admit(ctx); err != nil {
			return err
		}
	}
	if c.Reservation != nil {
		return c.Reservation.Check(ctx)
	}
	return nil
}

// Intent is a change that is going to be made, as it is kept.
type Intent struct {
	// ID names the intent. Empty: a random one is given.
	ID string
	// Method and Caller are those of the call, unless given.
	Method string
	Caller string
	// RequestID is what the caller knows the call by. It may be empty.
	RequestID string
	// TraceID is the W3C trace of the call. It may be empty.
	TraceID string
	// Tenant is the id of the tenant that pays, and TenantName its name, "" where
	// that is the id or the tenant is the caller.
	Tenant     string
	TenantName string
	// Op says what is to be done, without values, as JSON.
	Op []byte
	// Baseline is what there was before the change, as JSON.
	Baseline []byte
	// Objects and Within are those of the call.
	Objects []string
	Within  []string
	// Names are the names behind identifiers that may be gone after the
	// change.
	Names map[string]string
	// Began is when the change began, before Baseline was read, unless given.
	Began time.Time
	// Reserved is the Note of the call's Reservation.
	Reserved []byte
	// Audit is the audit record of the intent. The commit of the intent writes it,
	// and it is not kept with the intent. Nil: there is none.
	Audit *audit.Record
}

// line is the audit record of the intent.
func (i *Intent) line() []audit.Record {
	if i.Audit == nil {
		return nil
	}
	r := *i.Audit
	r.Kind, r.Time = audit.KindIntent, i.Began
	return []audit.Record{r}
}

// outcome is the audit record of the change of c, nil where there is none.
func (c *Call) outcome(err error) *audit.Record {
	if c.Outcome == nil {
		return nil
	}
	return ending(c.Outcome(err))
}

// ending makes of a record that of an outcome, which is the same in each try to
// commit it.
func ending(r audit.Record) *audit.Record {
	r.Kind, r.Time = audit.KindOutcome, time.Now()
	return &r
}

// Reservation is what a change takes of limits when it begins: a part of the
// commit of its intent. Release gives it back in the commit of the outcome.
type Reservation interface {
	// Check returns the fault that the change would be refused with now, before
	// it waits for its objects. It takes nothing.
	Check(ctx context.Context) error
	// Keys are the records that Take reads and changes.
	Keys() []string
	// Take adds the reservation to changes, or refuses it with an error. It may be
	// called several times.
	Take(now map[string]store.Record, changes map[string]*store.Record) error
	// Wait acts on a refusal of Take. It returns nil where Take may succeed now,
	// and else the fault for the caller.
	Wait(ctx context.Context, refusal error) error
	// Note describes the reservation, so that Release can give it back after the
	// end of this process. Empty: there is nothing to give back.
	Note() []byte
	// Release returns what the end of the change gives back, as Config.Release
	// does for a change that was read from its record.
	Release(ctx context.Context, e Ended) (Release, error)
}

// Release is what the end of a change gives back, and what it counts: a part of
// the commit of the outcome.
type Release interface {
	// Keys are the records that Apply reads and changes.
	Keys() []string
	// Apply adds to changes what is given back. It may be called several times.
	Apply(now map[string]store.Record, changes map[string]*store.Record) error
}

// Ended says how a change ended, to Config.Release.
type Ended struct {
	// Made are the identifiers of what the change made.
	Made []string
	// Done says that the change was made, and Gone that what it was to delete was
	// not there.
	Done, Gone bool
}

// Answer is what a caller gets.
type Answer struct {
	// Body is what the change returned. It is the caller's own.
	Body []byte
	// Replayed says that another call made the change. It is also set beside a
	// fault.
	Replayed bool
}

// Run makes a change and returns its answer.
type Run func(ctx context.Context, op *Operation) ([]byte, error)

// Operation is a change while it is made.
type Operation struct {
	// Intent is what is kept of it.
	Intent Intent
	// Held says whether the change is certainly still this process's own.
	// Nothing may be sent for it any more when it is not: another replica may
	// have taken over.
	Held func() bool
	// Wanted ends when nobody waits for the answer: all callers have left or the
	// deadline of the first has passed. The change goes on then, but need not begin
	// to send. Nil, for Recover.
	Wanted context.Context //nolint:containedctx // the change outlives its callers
	// Urged is closed when the change is urgent or an urgent change waits for its
	// objects. Nil, for Recover.
	Urged <-chan struct{}
	// Ended is, for Recover alone, when nothing could happen to the change any
	// more. What was seen at or after that moment is not too old.
	Ended time.Time
	// Made are the identifiers of what the change made. Its run sets it.
	Made []string
	// Remember are records that are written with the outcome of a change that was
	// made. Its run sets it. Recovery writes none.
	Remember map[string]*store.Record
}
