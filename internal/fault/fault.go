// Package fault describes what went wrong in a call, once for the caller and
// once for the operator.
//
// It must not know any protocol: which gRPC code or HTTP status a fault
// becomes is decided where the answer is written. It imports nothing of ours.
package fault

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Kind says what sort of fault it is and so who must act on it.
type Kind int

// The kinds of fault. The zero value is a mistake of Storekeeper's own.
const (
	// Internal is a mistake in Storekeeper.
	Internal Kind = iota
	// BadInput is a request that breaks a declared rule.
	BadInput
	// TooLarge is a request of more bytes than are read.
	TooLarge
	// NotFound is an object that does not exist.
	NotFound
	// NameTaken is a name that another object has.
	NameTaken
	// LimitReached is a plan or quota that is used up.
	LimitReached
	// NotEmpty is a store that cannot go because it holds secrets.
	NotEmpty
	// Unauthenticated is a caller without a good credential.
	Unauthenticated
	// Denied is a caller who may not do this.
	Denied
	// KeyReused is an idempotency key that came with another payload before.
	KeyReused
	// Throttled is a call budget that is spent.
	Throttled
	// Unavailable is something that Storekeeper needs and cannot reach now.
	Unavailable
	// Deadline is a caller's deadline that passed.
	Deadline
	// Canceled is a caller that went away.
	Canceled
	// Upstream is a refusal or an answer of Cloudflare that is not the caller's
	// doing, such as a refused platform credential.
	Upstream
	// Unimplemented is a method that does not exist.
	Unimplemented
)

// Error is a fault with a text for the caller and a cause for the operator.
//
// It has no GRPCStatus method on purpose: a status built from a wrapped error
// carries the text of the whole chain to the caller.
type Error struct {
	// Kind is the sort of fault.
	Kind Kind
	// Reason is a stable machine word in upper snake case, for example
	// "STORE_NOT_FOUND". In lower case it is Cloudflare's word for the fault
	// where Cloudflare has one.
	Reason string
	// Public is one sentence for the caller. It never holds a secret value, a
	// credential or a text of Cloudflare that was not checked.
	Public string
	// Detail is what Cloudflare put behind the word ("max 100"), checked for
	// its form. Often empty.
	Detail string
	// Fields names each part of the request that is wrong.
	Fields []Field
	// Notices are what Cloudflare said beside its refusal.
	Notices []Notice
	// Errors are the errors of Cloudflare's refusal, as far as a caller may see
	// them. Reason, Detail and Fields are made of some of them.
	Errors []Notice
	// RetryAfter is how long to wait before the same call can succeed. 0 means
	// that waiting does not help or that nothing is known.
	RetryAfter time.Duration
	// Ray is the identifier that Cloudflare gave its answer, if any.
	Ray string
	// Local says that Storekeeper refused the call before anything was sent to
	// make a change, so that refusing it again costs nothing.
	Local bool

	cause error
}

// Field is one part of a request that is wrong.
type Field struct {
	// Path is the place in the request, such as "secrets[0].name".
	Path string
	// Pointer is the place in a REST body as a JSON pointer, where it was
	// given instead of a path.
	Pointer string
	// Reason is the machine word in upper snake case.
	Reason string
	// Detail is what Cloudflare put behind the word, checked for its form.
	Detail string
	// Text says what would be right, starting with a verb: "must not be
	// empty".
	Text string
}

// Notice is something that Cloudflare said with its refusal.
type Notice struct {
	// Code is Cloudflare's number, 0 where it gave none.
	Code int32
	// Text is what it said, free of secrets.
	Text string
	// DocumentationURL is a page about it. Empty where there is none.
	DocumentationURL string
	// Pointer is the part of the request that it is about, as a JSON pointer.
	// Empty where Cloudflare named none.
	Pointer string
}

// New makes a fault of a kind. public is for the caller.
func New(kind Kind, reason, public string) *Error {
	return &Error{Kind: kind, Reason: reason, Public: public}
}

// Invalid makes a BadInput fault that names each wrong field. The reason is
// that of the first field.
func Invalid(fields ...Field) *Error {
	return &Error{Kind: BadInput, Reason: fields[0].Reason, Public: sentence(fields), Fields: fields}
}

// Because keeps err as the private cause, for the log only.
func (e *Error) Because(err error) *Error {
	e.cause = err
	return e
}

// Error gives the operator's view: reason, public text and cause. It must not
// be sent to a caller.
func (e *Error) Error() string {
	text := e.Reason + ": " + e.Public
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.cause }

// From finds the fault in err. An error of a context is a Deadline or Canceled
// fault. Any other error is an Internal fault with err
// as its cause, since a text that nobody checked must not reach a caller.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return New(Deadline, "DEADLINE_EXCEEDED", "The deadline of the call passed before it was done.").Because(err)
	case errors.Is(err, context.Canceled):
		return New(Canceled, "CANCELED", "The caller ended the call before it was done.").Because(err)
	}
	return New(Internal, "INTERNAL", "Storekeeper failed to handle the call; the request id finds it in the log.").Because(err)
}

// sentence joins the fields into one line for people.
func sentence(fields []Field) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.Text
		if f.Path != "" {
			parts[i] = f.Path + ": " + f.Text
		}
	}
	return strings.Join(parts, "; ")
}
