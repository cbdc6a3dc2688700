package emulator

import "time"

// FaultKind is what a fault does.
type FaultKind string

// The kinds of fault. The package comment has the table of what belongs to
// each.
const (
	// KindDelay lets the request wait.
	KindDelay FaultKind = "delay"
	// KindLag shows reads what was there a while ago.
	KindLag FaultKind = "lag"
	// KindEraA makes store creation take and give an array of one store, as
	// Cloudflare's contract said until spring 2026.
	KindEraA FaultKind = "era_a"
	// KindRateLimit answers 429 with code 971 and Retry-After.
	KindRateLimit FaultKind = "rate_limit"
	// KindStatus answers with any status.
	KindStatus FaultKind = "status"
	// KindSuccessFalse answers 200 with an envelope that says success false.
	KindSuccessFalse FaultKind = "success_false"
	// KindEchoCredential repeats the credential of the request in an error.
	KindEchoCredential FaultKind = "echo_credential"
	// KindCut ends the connection without an answer.
	KindCut FaultKind = "cut"
	// KindTruncate sends half of the JSON as if it were whole.
	KindTruncate FaultKind = "truncate"
	// KindCutMidBody announces the whole answer, sends half and ends the
	// connection.
	KindCutMidBody FaultKind = "cut_mid_body"
	// KindContentType sends the true answer under another media type.
	KindContentType FaultKind = "content_type"
	// KindHugeBody sends white space before the true answer, which stays valid.
	KindHugeBody FaultKind = "huge_body"
	// KindRemarks adds messages, errors and a result_info to the true answer.
	KindRemarks FaultKind = "remarks"
)

// Fault is something that goes wrong, and when.
type Fault struct {
	// Kind is what happens. Required.
	Kind FaultKind

	// Method is the HTTP method that is struck; empty means any.
	Method string
	// Path is a pattern of path.Match for the escaped path, in which * stands
	// for part of a segment; empty means any.
	Path string
	// Operation is Cloudflare's operationId, such as "secrets-store-list";
	// empty means any.
	Operation string

	// Times is how many requests are struck. 0 means all until the fault is
	// cleared.
	Times int
	// Probability is the chance that a request that matches is struck, from 0
	// to 1. 0 means always.
	Probability float64

	// Delay is a wait before anything else happens, in any kind, at most 5
	// minutes. With AfterCommit it stands between execution and answer.
	Delay time.Duration
	// AfterCommit executes the request before the fault strikes.
	AfterCommit bool
	// Status is from 300 to 599. Required for KindStatus; in
	// KindEchoCredential 0 means 403.
	Status int
	// RetryAfter is sent in whole seconds. In KindRateLimit 0 means 5 minutes.
	RetryAfter time.Duration
	// ContentType is the media type of the answer. In KindStatus empty means
	// JSON; in KindContentType it means text/html.
	ContentType string
	// Body is the body of the answer. Empty means one that fits: an envelope,
	// or a page of Cloudflare's edge for text/html.
	Body string
	// Location is the header of a redirect.
	Location string
	// Lag is how old reads are, at most a minute. Required for KindLag.
	Lag time.Duration
	// Size is the number of bytes before the answer in KindHugeBody. 0 means 64
	// MiB; at most 1 GiB.
	Size int64
	// Messages and Errors are JSON arrays of objects. KindRemarks puts their items
	// before those of the answer.
	Messages, Errors string
	// ResultInfo is a JSON object for an answer that has none.
	ResultInfo string
}

// decides tells whether the fault makes the answer, where others only change
// how the request is executed.
func (f Fault) decides() bool {
	switch f.Kind {
	case KindDelay, KindLag, KindEraA:
		return false
	default:
		return true
	}
}

// executes tells whether the request runs although the fault makes the answer.
func (f Fault) executes() bool {
	switch f.Kind {
	case KindTruncate, KindCutMidBody, KindContentType, KindHugeBody, KindRemarks:
		return true
	default:
		return f.AfterCommit
	}
}
