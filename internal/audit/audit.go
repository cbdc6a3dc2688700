// Package audit defines the audit trail: the form of a record, the hash chain that
// binds records together, and its verification.
//
// The package does not know the protocol of a call, the messages of a request or Cloudflare's wire
// format. No field of a record can hold the value of a secret.
//
// A store appends records with a Chain. VerifyAfter and VerifyLines
// tell whether a trail is still what was written. A Log takes denials and alarms to
// a Sink; the records of changes are committed with the changes.
package audit

import (
	"context"
	"errors"
)

// Sink is a destination of records. It is safe for concurrent use.
type Sink interface {
	// Append returns nil once all records are durable, in order. After an error, none of the
	// records counts as written. Append waits until ctx ends, and fails at once if the sink is
	// known to be unhealthy.
	Append(ctx context.Context, records ...Record) error
	// Healthy returns nil, or the reason why Append would fail now.
	Healthy() error
	// Close writes pending records, for a bounded time, and closes the sink.
	Close() error
}

var (
	// ErrBroken is in the error of a start if the audit file or its head was altered. To recover,
	// move both files away (VerifyAfter can still read them as evidence) and start again: a new
	// chain begins.
	ErrBroken = errors.New("the audit record is not what was written")
	// ErrLocked is in the error if another process writes the same file.
	ErrLocked = errors.New("another process writes this audit record")

	errKind = errors.New("a record must be an intent, an outcome, an alarm, a denial or a reload")
)
