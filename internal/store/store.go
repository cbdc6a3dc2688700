// Package store is the interface to all durable state of Storekeeper: small records and the audit
// trail.
//
// The package does not know the meaning of the records. No secret value may be given to a store.
package store

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// Record is a stored record.
type Record struct {
	// Value is the content. The bytes are shared between stores and readers, and must not be
	// changed.
	Value []byte
	// Expires is the time at which the store deletes the record. Zero means never.
	Expires time.Time
}

// Event is a message from one replica to the others about a change.
type Event struct {
	// Topic is the subject of the event, such as an account.
	Topic string
	// Data is the content.
	Data []byte
}

// Changes are the effects of one commit. The zero value has no effect.
type Changes struct {
	// Records are the new states of records, by key. Nil deletes the record.
	Records map[string]*Record
	// Lines are appended to the audit trail, in this order and in the order of the commits.
	Lines []audit.Record
	// Events are returned by every call of Events that begins after Commit has returned. A store
	// for a single process drops events.
	Events []Event
}

// Decide returns the changes of a commit, given the existing records at its keys. A store may call
// Decide several times, so Decide must have no other effect. An error of Decide aborts the commit,
// changes nothing, and is returned unchanged.
type Decide func(now map[string]Record) (Changes, error)

// ErrOutdated is an error of a Decide that depends on records that were read before the commit and
// have changed since. The caller reads them again and repeats the commit.
var ErrOutdated = errors.New("records have changed since they were read")

// Position is a position in the events of a topic. It is opaque to all but the store that returned
// it. The zero value is the position of a reader that has read nothing.
type Position string

// Lazy is how long a commit may wait to share a transaction with other commits. It is for
// background writes without a waiting caller. A store without shared transactions ignores it.
type Lazy time.Duration

// Store keeps records and the audit trail. It is safe for concurrent use.
//
// A failure of the store is a fault of kind Unavailable with reason STATE_UNAVAILABLE (see
// Unavailable): the operation may or may not have been performed. While the disk or the server does
// not respond, a store fails calls after a bounded time, 900 ms unless configured. The store
// recovers by itself.
type Store interface {
	// Commit reads the records at keys, calls decide and applies the result atomically and isolated
	// from all other commits. The changes are durable when Commit returns nil. Only records at keys
	// can be changed. A commit may have lines and no keys. Commits that share a key are ordered,
	// and so are all lines. Without lazy, the commit does not wait.
	Commit(ctx context.Context, keys []string, decide Decide, lazy ...Lazy) error
	// Get returns the existing records among keys. The returned state is durable.
	Get(ctx context.Context, keys ...string) (map[string]Record, error)
	// Scan visits the records without an expiry whose keys begin with prefix, in key order. An
	// error of visit ends the scan and is returned.
	Scan(ctx context.Context, prefix string, visit func(key string, r Record) error) error
	// Trail visits the lines of the audit trail with a number above after, in order and without the
	// line feed. An error of visit ends the read and is returned. A store whose trail goes to a
	// stream visits no lines.
	Trail(ctx context.Context, after uint64, visit func(line []byte) error) error
	// Events returns the events of a topic after a position, in order, and the new position.
	// complete is false if events may be missing: the store was trimmed or lost, or after is the
	// zero Position.
	Events(ctx context.Context, topic string, after Position) (events [][]byte, now Position, complete bool, err error)
	// Healthy returns nil, or the reason why Commit would fail now.
	Healthy(ctx context.Context) error
	// Close makes pending commits durable, for a bounded time, and closes the store.
	Close() error
}

// Status is the state of a store, for metrics.
type Status struct {
	// ID identifies the store. Empty if unknown.
	ID string
	// Commit is the number of the last durable commit.
	Commit uint64
	// Record is the number of the last durable line of the audit trail. Synced is the number of the
	// last line that is also durable in the trail's file.
	Record, Synced uint64
	// TrailBytes is the size of the trail's current file in bytes, or 0 without a file.
	TrailBytes int64
}
