package servertest

import (
	"context"
	"sync"

	"platform.internal/storekeeper/internal/audit"
)

// WrittenRecord is a record with the time of the write.
type WrittenRecord struct {
	audit.Record

	// At is the value of the Clock at the write.
	At int64
}

// Trail is an in-memory audit trail.
type Trail struct {
	clock *Clock
	mu    sync.Mutex
	all   []WrittenRecord
	// changes holds all records of changes ever written.
	changes []audit.Record
}

// commit adds the records of a commit.
func (t *Trail) commit(_ context.Context, lines []audit.Record) error {
	for _, r := range lines {
		t.keep(r.Kind, r)
	}
	return nil
}

// Denial adds a record.
func (t *Trail) Denial(ctx context.Context, r audit.Record) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.keep(audit.KindDenial, r)
	return nil
}

func (t *Trail) keep(kind audit.RecordKind, r audit.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Kind = kind
	t.all = append(t.all, WrittenRecord{Record: r, At: t.clock.Next()})
	if kind == audit.KindIntent || kind == audit.KindOutcome {
		t.changes = append(t.changes, r)
	}
}

// indexed returns the records of changes after the first n.
func (t *Trail) indexed(n int) []audit.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes[n:]
}

// Written lists the records since the last call of Written.
func (t *Trail) Written() []WrittenRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.all
	t.all = nil
	return all
}
