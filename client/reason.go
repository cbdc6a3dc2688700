package client

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Reason returns the reason of a failed call, one of the constants of this
// package, or "" for an error without a reason. Reasons are part of the
// contract: a reason never gets another meaning.
func Reason(err error) string {
	info := detail[*errdetails.ErrorInfo](err)
	if info.GetDomain() != Domain {
		return ""
	}
	return info.GetReason()
}

// RetryAfter returns the wait before a repeat that the server asks for, and
// whether the server names a wait.
func RetryAfter(err error) (time.Duration, bool) {
	info := detail[*errdetails.RetryInfo](err)
	if info.GetRetryDelay() == nil {
		return 0, false
	}
	return info.GetRetryDelay().AsDuration(), true
}

// A Violation is one wrong field of a request.
type Violation struct {
	// Field is the path of the field, for example "secrets[0].name".
	Field string
	// Description is the rule that the field violates.
	Description string
}

// Violations returns the wrong fields of a request that was refused with
// INVALID_ARGUMENT.
func Violations(err error) []Violation {
	request := detail[*errdetails.BadRequest](err)
	found := make([]Violation, 0, len(request.GetFieldViolations()))
	for _, v := range request.GetFieldViolations() {
		found = append(found, Violation{Field: v.GetField(), Description: v.GetDescription()})
	}
	return found
}

// detail returns the detail of a type, or its zero value.
func detail[T any](err error) T {
	var none T
	s, ok := status.FromError(err)
	if !ok || s == nil {
		return none
	}
	for _, d := range s.Details() {
		if found, ok := d.(T); ok {
			return found
		}
	}
	return none
}
