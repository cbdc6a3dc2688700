package servertest

import (
	"context"
	"sync"

	"platform.internal/storekeeper/internal/audit"
)

// WrittenRecord is a record that was written.
type WrittenRecord struct {
	audit.Record

	// At is when, by the Clock.
	At int64
}

// Trail is an audit trail in memory.
type Trail struct {
	clock *Clock
	mu    sync.Mutex
	all   []WrittenRecord
}

// Intent keeps a record.
func (t *Trail) Intent(_ context.Context, r audit.Record) error {
	t.keep(audit.KindIntent, r)
	return nil
}

// Outcome keeps a record.
func (t *Trail) Outcome(ctx context.Context, r audit.Record) {
	if ctx.Err() != nil {
		// A trail that heeds its context would not have written it.
		r.Outcome = "dropped"
	}
	t.keep(audit.KindOutcome, r)
}

// Denial keeps a record.
func (t *Trail) Denial(ctx context.Context, r audit.Record) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.keep(audit.KindDenial, r)
	return nil
}

func (t *Trail) keep(kind audit.Kind, r audit.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Kind = kind
	t.all = append(t.all, WrittenRecord{Record: r, At: t.clock.Next()})
}

// Written lists what was written since it was asked last.
func (t *Trail) Written() []WrittenRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.all
	t.all = nil
	return all
}
