// Package audit defines the audit trail: the form of a record, the hash chain that
// binds records together, and its verification.
//
// It must not know how a call came in, what a request looks like or how
// Cloudflare is spoken to, and no field of a record can hold the value of a
// secret.
//
// A store appends records with a Chain. VerifyAfter and VerifyLines
// tell whether a trail is still what was written. A Log takes denials and alarms to
// a Sink; the records of changes are committed with the changes.
package audit

import (
	"context"
	"errors"
)

// Sink is a place that records are written to. It is safe for concurrent use.
type Sink interface {
	// Append returns nil once all records are durable, in their order. After
	// any error none of them counts as written. It waits until ctx ends, and
	// refuses at once where the sink is known to be unhealthy.
	Append(ctx context.Context, records ...Record) error
	// Healthy returns nil, or why Append would refuse now.
	Healthy() error
	// Close writes what waits, for a bounded time, and ends the sink.
	Close() error
}

var (
	// ErrBroken is in the error of a start where the audit file or its head is not
	// what was written. The way out is to move both away (they stay evidence
	// that VerifyAfter can read) and to start again: a new chain begins.
	ErrBroken = errors.New("the audit record is not what was written")
	// ErrLocked is in the error where another process writes the same file.
	ErrLocked = errors.New("another process writes this audit record")

	errKind = errors.New("a record must be an intent, an outcome, an alarm, a denial or a reload")
)
