// Package bridge makes a store.Store of a store of records and an audit trail
// that commit one after the other.
//
// It stands in until the file store and PostgreSQL do both in one commit, and
// goes with internal/records.
package bridge

import (
	"context"
	"sync/atomic"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/store"
)

// Store commits records first and audit lines second. It is safe for concurrent
// use.
type Store struct {
	records records.Store
	trail   atomic.Pointer[audit.Log]
}

// New returns a store without a trail, which drops the lines until there is one.
func New(r records.Store) *Store { return &Store{records: r} }

// SetTrail begins to write the lines of commits to a trail.
func (s *Store) SetTrail(l *audit.Log) { s.trail.Store(l) }

// Commit implements store.Store, but for the one commit.
func (s *Store) Commit(ctx context.Context, keys []string, decide store.Decide) error {
	var lines []audit.Record
	err := s.records.Change(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		seen := make(map[string]store.Record, len(now))
		for key, e := range now {
			seen[key] = store.Record(e)
		}
		changes, err := decide(seen)
		if err != nil {
			return nil, err
		}
		lines = changes.Lines
		entries := make(map[string]*records.Entry, len(changes.Records))
		for key, r := range changes.Records {
			entries[key] = (*records.Entry)(r)
		}
		return entries, nil
	})
	if err != nil {
		return err
	}
	return s.write(ctx, lines)
}

func (s *Store) write(ctx context.Context, lines []audit.Record) error {
	trail := s.trail.Load()
	if trail == nil {
		return nil
	}
	for _, line := range lines {
		if line.Kind == audit.KindIntent {
			if err := trail.Intent(ctx, line); err != nil {
				return err
			}
			continue
		}
		trail.Outcome(ctx, line)
	}
	return nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...string) (map[string]store.Record, error) {
	found, err := s.records.Get(ctx, keys...)
	kept := make(map[string]store.Record, len(found))
	for key, e := range found {
		kept[key] = store.Record(e)
	}
	return kept, err
}

// Scan implements store.Store.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(string, store.Record) error) error {
	return s.records.Scan(ctx, prefix, func(key string, e records.Entry) error { return visit(key, store.Record(e)) })
}

// Trail implements store.Store. There are no lines to visit.
func (s *Store) Trail(context.Context, uint64, func([]byte) error) error { return nil }

// Events implements store.Store. There are no events.
func (s *Store) Events(context.Context, string, store.Position) ([][]byte, store.Position, bool, error) {
	return nil, "", true, nil
}

// Healthy implements store.Store.
func (s *Store) Healthy(context.Context) error { return nil }

// Close closes the records.
func (s *Store) Close() error { return s.records.Close() }
