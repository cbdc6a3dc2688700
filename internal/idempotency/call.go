package idempotency

import (
	"context"
	"time"
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
	// becomes urgent too (see Urged).
	Urgent bool
	// Admit says why the change cannot be made now. It is asked once, before the
	// call waits for its objects. An error of it is answered and not kept. nil:
	// nobody is asked.
	Admit func(ctx context.Context) error
	// Intent says what is going to be done. It is asked when the change is
	// about to be made, with its objects locked, so it can read what is there
	// before. It may be asked several times. An error of it is answered and
	// not kept. nil: there is nothing to say.
	Intent func(ctx context.Context) (Intent, error)

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

// Intent is a change that is going to be made, as it is kept.
type Intent struct {
	// ID names the intent. Empty: a random one is given.
	ID string `json:"id"`
	// Method and Caller are those of the call, unless given.
	Method string `json:"method"`
	Caller string `json:"caller"`
	// RequestID is what the caller knows the call by. It may be empty.
	RequestID string `json:"request_id,omitempty"`
	// Tenant is who pays.
	Tenant string `json:"tenant,omitempty"`
	// Request is the request without values.
	Request []byte `json:"request,omitempty"`
	// Baseline is what there was before the change.
	Baseline []byte `json:"baseline,omitempty"`
	// Objects and Within are those of the call.
	Objects []string `json:"objects,omitempty"`
	Within  []string `json:"within,omitempty"`
	// Names are the names behind identifiers that may be gone after the
	// change.
	Names map[string]string `json:"names,omitempty"`
	// Began is when the change began, before Baseline was read, unless given.
	Began time.Time `json:"began"`
}

// Answer is what a caller gets.
type Answer struct {
	// Body is what the change returned. It is the caller's own.
	Body []byte
	// Replayed says that another call made the change. It is also set beside a
	// fault.
	Replayed bool
}

// Operation is a change while it is made.
type Operation struct {
	// Intent is what is kept of it.
	Intent Intent
	// Held says whether the change is certainly still this process's own.
	// Nothing may be sent for it any more when it is not: another replica may
	// have taken over.
	Held func() bool
	// Ended is, for Recover alone, when nothing could happen to the change any
	// more. What was seen at or after that moment is not too old.
	Ended time.Time
}

type operationKey struct{}

// OperationFrom returns the operation that ctx belongs to, or nil.
func OperationFrom(ctx context.Context) *Operation {
	op, _ := ctx.Value(operationKey{}).(*Operation)
	return op
}

type urgedKey struct{}

// withUrged returns a context whose Urged is urged.
func withUrged(ctx context.Context, urged <-chan struct{}) context.Context {
	return context.WithValue(ctx, urgedKey{}, urged)
}

// Urged returns, for the contexts of an intent and of an operation, what is
// closed when the change is urgent or an urgent change waits for its objects.
// For any other context it returns nil.
func Urged(ctx context.Context) <-chan struct{} {
	urged, _ := ctx.Value(urgedKey{}).(<-chan struct{})
	return urged
}

type wantedKey struct{}

// Wanted returns, for the context of an operation, one that ends when nobody
// waits for its answer: all callers have left or the deadline of the first has
// passed. The operation goes on then, but need not begin to send. For any
// other context it returns ctx.
func Wanted(ctx context.Context) context.Context {
	if wanted, ok := ctx.Value(wantedKey{}).(context.Context); ok {
		return wanted
	}
	return ctx
}

// withOperation returns the context of an operation.
func withOperation(ctx context.Context, op *Operation) context.Context {
	return context.WithValue(ctx, operationKey{}, op)
}

// withWanted returns a context whose Wanted is wanted.
func withWanted(ctx, wanted context.Context) context.Context {
	return context.WithValue(ctx, wantedKey{}, wanted)
}
