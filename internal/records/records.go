// Package records keeps small durable records: the form that stores of several
// kinds share.
//
// It must not know what the records mean. No secret value may be given to it.
package records

import (
	"context"
	"time"
)

// Entry is a record as it is kept.
type Entry struct {
	// Value is what the record says. Nobody changes its bytes any more: stores
	// and readers share them.
	Value []byte
	// Expires is when the record goes by itself. Zero: never.
	Expires time.Time
}

// Decide says what becomes of some records, given those of them that exist. A
// nil entry deletes. It may be asked several times, so it must do nothing else.
// Its error ends the change, with nothing changed.
type Decide func(now map[string]Entry) (changes map[string]*Entry, err error)

// Store keeps records by key. It is safe for concurrent use. Where it fails,
// the error is a fault of kind Unavailable with reason STATE_UNAVAILABLE.
type Store interface {
	// Get returns those of the records that exist.
	Get(ctx context.Context, keys ...string) (map[string]Entry, error)
	// Change does to the records at keys what decide says: all of it or
	// nothing, with no other change between reading and writing, and durable
	// when it returns nil. Only records at keys can be changed.
	Change(ctx context.Context, keys []string, decide Decide) error
	// Scan visits the records without an end whose keys begin with prefix, in
	// the order of their keys. An error of visit ends it and is returned.
	Scan(ctx context.Context, prefix string, visit func(key string, e Entry) error) error
	// Close ends the use of the store.
	Close() error
}
