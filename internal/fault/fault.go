// Package fault describes an error of a call: a text for the caller and a cause for the operator.
//
// The package must not know any protocol: the code that writes the answer maps a fault to a gRPC code or HTTP
// status. The package imports no other package of Storekeeper.
package fault

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Kind is the kind of a fault. It determines who must act.
type Kind int

// The kinds of fault. The zero value is Internal.
const (
	// Internal is a bug of Storekeeper.
	Internal Kind = iota
	// BadInput is a request that violates a declared rule.
	BadInput
	// TooLarge is a request that exceeds the size limit.
	TooLarge
	// NotFound is an object that does not exist.
	NotFound
	// NameTaken is a name that another object already has.
	NameTaken
	// LimitReached is a plan limit or quota that is used up.
	LimitReached
	// NotEmpty is a store that cannot be deleted because it has secrets.
	NotEmpty
	// Precondition is an object in a state that the caller does not expect.
	Precondition
	// Unauthenticated is a caller without a valid credential.
	Unauthenticated
	// Denied is a caller that is not authorised.
	Denied
	// KeyReused is an idempotency key that was used before with another
	// payload.
	KeyReused
	// Throttled is a call budget that is used up.
	Throttled
	// Unavailable is a dependency of Storekeeper that cannot be reached now.
	Unavailable
	// Deadline is a caller's deadline that has passed.
	Deadline
	// Canceled is a caller that has left.
	Canceled
	// Upstream is an answer of Cloudflare that the caller did not cause, such
	// as a refused platform credential.
	Upstream
	// Unimplemented is a method that does not exist.
	Unimplemented
)

// Error is a fault with a text for the caller and a cause for the operator.
//
// It deliberately has no GRPCStatus method: a status built from a wrapped error
// sends the text of the whole error chain to the caller.
type Error struct {
	// Kind is the kind of the fault.
	Kind Kind
	// Reason is a stable machine word in upper snake case, for example "STORE_NOT_FOUND". In lower case it
	// equals Cloudflare's machine word, if Cloudflare has one.
	Reason string
	// Public is one sentence for the caller. It never holds a secret value, a credential or an unchecked text
	// of Cloudflare.
	Public string
	// Detail is Cloudflare's text after the machine word ("max 100"), in checked form. It is often empty.
	Detail string
	// Facts are machine-readable facts for the caller: ErrorInfo.metadata. They hold only data that the
	// caller sent or may see.
	Facts map[string]string
	// Fields names each wrong part of the request.
	Fields []Field
	// Notices are Cloudflare's messages beside its errors.
	Notices []Notice
	// Errors are Cloudflare's errors, restricted to the parts that a caller may see. Reason, Detail and
	// Fields derive from them.
	Errors []Notice
	// RetryAfter is the time after which the same call can succeed. 0: waiting does not help, or the time is
	// unknown.
	RetryAfter time.Duration
	// Ray is the cf-ray of Cloudflare's answer, if any.
	Ray string
	// Local says that Storekeeper refused the call before it sent any change, so another attempt has no cost.
	Local bool

	cause error
}

// Field is one wrong part of a request.
type Field struct {
	// Path is the path in the request, such as "secrets[0].name".
	Path string
	// Pointer is the JSON pointer in a REST body, if the field was given as a pointer instead of a path.
	Pointer string
	// Reason is the machine word in upper snake case.
	Reason string
	// Detail is Cloudflare's text after the machine word, in checked form.
	Detail string
	// Text describes the correct form and starts with a verb: "must not be empty".
	Text string
}

// Notice is a message or an error of Cloudflare's answer.
type Notice struct {
	// Code is Cloudflare's number. 0: none.
	Code int32
	// Text is the message, without secrets.
	Text string
	// DocumentationURL is a page about the message. Empty: none.
	DocumentationURL string
	// Pointer is the part of the request that the message is about, as a JSON
	// pointer. Empty: not named.
	Pointer string
}

// New returns a fault. public is for the caller.
func New(kind Kind, reason, public string) *Error {
	return &Error{Kind: kind, Reason: reason, Public: public}
}

// Invalid returns a BadInput fault that names each wrong field. Its reason is that of the first field.
func Invalid(fields ...Field) *Error {
	return &Error{Kind: BadInput, Reason: fields[0].Reason, Public: sentence(fields), Fields: fields}
}

// Because sets err as the private cause, which goes to the log only.
func (e *Error) Because(err error) *Error {
	e.cause = err
	return e
}

// Error returns the text for the operator: reason, public text and cause. It must not be sent to a caller.
func (e *Error) Error() string {
	text := e.Reason + ": " + e.Public
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.cause }

// From returns the fault in err. A context error becomes a Deadline or Canceled fault. Any other error
// becomes an Internal fault with err as its cause, since an unchecked text must not reach a caller.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return New(Deadline, ReasonDeadlineExceeded, "The deadline of the call passed before it was done.").Because(err)
	case errors.Is(err, context.Canceled):
		return New(Canceled, ReasonCanceled, "The caller ended the call before it was done.").Because(err)
	}
	return New(Internal, ReasonInternal, "Storekeeper failed to handle the call; the request id finds it in the log.").Because(err)
}

// sentence joins the fields to one line of text.
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
