// Package audit keeps the record of who changed what, durable before the
// change.
//
// It must not know how a call came in, what a request looks like or how
// Cloudflare is spoken to, and no field of a record can hold the value of a
// secret.
//
// A Log is what the interceptors use. A Journal is the place that it writes
// to: a file (OpenFile) or a stream such as standard output (NewStream).
// Verify tells whether a file is still what was written.
package audit

import (
	"context"
	"errors"
)

// Sink is a place that records are written to. It is safe for concurrent use.
type Sink interface {
	// Append returns nil once all records are durable, in their order. After
	// any error the caller must not go on: none of them counts as written. It
	// waits until ctx ends, and refuses at once where the sink is known to be
	// ill.
	//
	// An intent that reached the disk after ctx had ended is followed by an
	// outcome "not_sent" that the sink writes by itself.
	Append(ctx context.Context, records ...Record) error
	// Healthy returns nil, or why Append would refuse now.
	Healthy() error
	// Close writes what waits, for a bounded time, and ends the sink.
	Close() error
}

var (
	// ErrBroken is in the error of OpenFile where the file or its head is not
	// what was written. The way out is to move both away (they stay evidence
	// that Verify can read) and to start again: a new chain begins.
	ErrBroken = errors.New("the audit record is not what was written")
	// ErrLocked is in the error where another process writes the same file.
	ErrLocked = errors.New("another process writes this audit record")

	errClosed = errors.New("the audit record is closed")
	errQueue  = errors.New("too many records wait to be written")
	errHung   = errors.New("a write to the audit record does not return")
	errKind   = errors.New("a record must be an intent, an outcome or a denial")
	// errMoved and errResized say that someone else moved or changed the file.
	errMoved   = errors.New("the audit file is no longer at its path")
	errResized = errors.New("the audit file has another size than was written")
)
