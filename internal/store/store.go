// Package store is the one interface to what Storekeeper keeps durably: small
// records, and the audit trail.
//
// It must not know what the records mean. No secret value may be given to it.
package store

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// Record is a small record as it is kept.
type Record struct {
	// Value is the content. Nobody changes its bytes any more: stores and readers
	// share them.
	Value []byte
	// Expires is when the store deletes the record. Zero: never.
	Expires time.Time
}

// Event is what one replica tells the others about a change.
type Event struct {
	// Topic is what the event is about, such as an account.
	Topic string
	// Data is the content.
	Data []byte
}

// Changes is what one commit does. The zero value does nothing.
type Changes struct {
	// Records are the new states of records, by key. A nil record is deleted.
	Records map[string]*Record
	// Lines are appended to the audit trail, in this order, at the place of the
	// commit among all commits.
	Lines []audit.Record
	// Events are seen by every call of Events that begins after Commit has
	// returned. A store that only one process uses drops them.
	Events []Event
}

// Decide returns what a commit does, given those of the records at its keys that
// exist. A store may call it several times, so it must have no other effect. Its
// error ends the commit, with nothing changed, and is returned as it is.
type Decide func(now map[string]Record) (Changes, error)

// Position is a place in the events of a topic. Only the store that returned it
// can read it. Its zero value is the place of a reader that has read nothing.
type Position string

// lazyKey is the key of a context for how long a commit may wait.
type lazyKey struct{}

// Lazy returns a context whose commits may wait for up to a duration until others are
// made, so that they share a transaction. It is for what is written now and then and
// that nobody waits for.
func Lazy(ctx context.Context, wait time.Duration) context.Context {
	return context.WithValue(ctx, lazyKey{}, wait)
}

// LazyFor is how long a commit with a context may wait for others, 0 for not at all.
func LazyFor(ctx context.Context) time.Duration {
	wait, _ := ctx.Value(lazyKey{}).(time.Duration)
	return wait
}

// Store keeps records and the audit trail. It is safe for concurrent use.
//
// Where a store fails, the error is a fault of kind Unavailable with reason
// STATE_UNAVAILABLE (see Unavailable): what was asked may have happened or not. A
// store refuses after a bounded time, 900 ms unless configured, while its disk or
// server does not answer, and works again by itself when that does.
type Store interface {
	// Commit reads the records at keys, calls decide and does what it returns: all
	// of it or nothing, with no other commit in between, and durable when Commit
	// returns nil. Only records at keys can be changed. No keys and lines alone is
	// a commit too. Commits that share a key are ordered; so are all lines.
	Commit(ctx context.Context, keys []string, decide Decide) error
	// Get returns those of the records that exist. What it returns is durable.
	Get(ctx context.Context, keys ...string) (map[string]Record, error)
	// Scan visits the records without an expiry whose keys begin with prefix, in
	// the order of their keys. An error of visit ends the scan and is returned.
	Scan(ctx context.Context, prefix string, visit func(key string, r Record) error) error
	// Trail visits the lines of the audit trail whose number is above after, in
	// order, each without its line feed. An error of visit ends it and is
	// returned. A store whose trail goes to a stream has no lines to visit.
	Trail(ctx context.Context, after uint64, visit func(line []byte) error) error
	// Events returns the events of a topic after a position, in order, and the
	// position that is reached. complete is false where some may be missing: the
	// store was trimmed or lost, or after is the zero Position.
	Events(ctx context.Context, topic string, after Position) (events [][]byte, now Position, complete bool, err error)
	// Healthy returns nil, or why Commit would fail now.
	Healthy(ctx context.Context) error
	// Close makes durable what waits, for a bounded time, and ends the store.
	Close() error
}

// Status is the state of a store, for metrics.
type Status struct {
	// ID identifies the store. "" means that it is not known yet.
	ID string
	// Commit is the number of the last durable commit.
	Commit uint64
	// Record is the number of the last durable line of the audit trail, and Synced
	// that of the last one that is durable in the file of the trail too.
	Record, Synced uint64
	// TrailBytes is the size of the file of the trail that is written to, 0 where
	// there is no file.
	TrailBytes int64
}
