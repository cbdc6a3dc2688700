package emulator

import "time"

// FaultKind is the kind of a fault.
type FaultKind string

// The kinds of fault. The package comment lists the fields of each.
const (
	// KindDelay delays the request.
	KindDelay FaultKind = "delay"
	// KindLag makes reads show an earlier state.
	KindLag FaultKind = "lag"
	// KindEraA makes store creation take and return an array of one store, like Cloudflare's contract until
	// spring 2026.
	KindEraA FaultKind = "era_a"
	// KindRateLimit answers 429 with code 971 and Retry-After.
	KindRateLimit FaultKind = "rate_limit"
	// KindStatus answers with any status.
	KindStatus FaultKind = "status"
	// KindSuccessFalse answers 200 with an envelope in which success is false.
	KindSuccessFalse FaultKind = "success_false"
	// KindEchoCredential repeats the credential of the request in an error.
	KindEchoCredential FaultKind = "echo_credential"
	// KindCut closes the connection without an answer.
	KindCut FaultKind = "cut"
	// KindTruncate sends half of the JSON with a matching Content-Length.
	KindTruncate FaultKind = "truncate"
	// KindCutMidBody announces the complete answer, sends half of it and closes the connection.
	KindCutMidBody FaultKind = "cut_mid_body"
	// KindContentType sends the real answer with another media type.
	KindContentType FaultKind = "content_type"
	// KindHugeBody sends white space before the real answer, which stays valid.
	KindHugeBody FaultKind = "huge_body"
	// KindRemarks adds messages, errors and a result_info to the real answer.
	KindRemarks FaultKind = "remarks"
)

// Fault is a fault with a filter for requests.
type Fault struct {
	// Kind is the kind of the fault. Required.
	Kind FaultKind

	// Method is the HTTP method of matching requests. Empty: any.
	Method string
	// Path is a path.Match pattern for the escaped path; * matches a part of a
	// segment. Empty: any.
	Path string
	// Operation is Cloudflare's operationId, such as "secrets-store-list".
	// Empty: any.
	Operation string

	// Times is the number of affected requests. 0: all until the fault is cleared.
	Times int
	// Probability is the probability that a matching request is affected, from 0 to 1. 0: always.
	Probability float64

	// Delay is a wait before anything else, in any kind, at most 5 minutes.
	// With AfterCommit the wait is between execution and answer.
	Delay time.Duration
	// AfterCommit executes the request before the fault applies.
	AfterCommit bool
	// Status is from 300 to 599. It is required for KindStatus. For KindEchoCredential 0 means 403.
	Status int
	// RetryAfter is sent in whole seconds. In KindRateLimit 0 means 5 minutes.
	RetryAfter time.Duration
	// ContentType is the media type of the answer. Empty: JSON in KindStatus,
	// text/html in KindContentType.
	ContentType string
	// Body is the body of the answer. Empty: an envelope, or, for text/html, an HTML page of Cloudflare's
	// edge.
	Body string
	// Location is the Location header of a redirect.
	Location string
	// Lag is the age of the state that reads show, at most a minute. Required
	// for KindLag.
	Lag time.Duration
	// Size is the number of bytes before the answer in KindHugeBody. 0: 64 MiB.
	// At most 1 GiB.
	Size int64
	// Messages and Errors are JSON arrays of objects. KindRemarks inserts their items before those of the
	// answer.
	Messages, Errors string
	// ResultInfo is a JSON object for an answer without result_info.
	ResultInfo string
}

// decides reports whether the fault determines the answer. Other faults only change the execution of the
// request.
func (f Fault) decides() bool {
	switch f.Kind {
	case KindDelay, KindLag, KindEraA:
		return false
	default:
		return true
	}
}

// executes reports whether the request is executed although the fault
// determines the answer.
func (f Fault) executes() bool {
	switch f.Kind {
	case KindTruncate, KindCutMidBody, KindContentType, KindHugeBody, KindRemarks:
		return true
	default:
		return f.AfterCommit
	}
}
