package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// maxBytes is the maximum size of the values in a transaction, so that commits with large values
// are not combined.
const maxBytes = 16 << 20

// transaction is an attempt to commit a group. It takes two statements: the first reads, and the
// second writes everything and so is a transaction by itself. After conflicts, both are in one
// transaction, which takes the commit lock before it reads.
type transaction struct {
	*writer
	mark mark
	conn *pgxpool.Conn
	head lastCommit
	// first reports that the transaction took the commit lock before it read.
	first bool
	// members are the commits that take part, and refusals the errors of their decides.
	members  []*request
	refusals []error
	// records are the existing records, including the changes of the members.
	records map[string]store.Record
	changed map[string]*store.Record
	events  []store.Event
	lines   []audit.Record
	bytes   int
	// at is the time of the lines.
	at time.Time
	// sent reports that COMMIT may have reached the server.
	sent bool
}

// run makes the attempt. If it returns an error that the server did not report, and sent is set,
// the outcome of the transaction is unknown.
func (t *transaction) run(ctx context.Context, group []*request) error {
	t.members = group
	if err := t.join(ctx); err != nil {
		return err
	}
	conn, err := t.writes.Acquire(ctx)
	if err != nil {
		return err
	}
	// Release closes a connection that is within a transaction.
	defer conn.Release()
	t.conn = conn
	before := t.seen.get()
	if err := t.read(ctx, before, keysOf(group)); err != nil {
		return t.undo(ctx, err)
	}
	if err := t.accept(t.head, before); err != nil {
		return t.undo(ctx, err)
	}
	t.at = t.head.lineTime(t.config.Now())
	if t.begins() {
		room, known := t.knownRoom(t.at)
		if !known {
			return t.undo(ctx, errNoRoom)
		}
		t.room = room
	}
	t.decide(group)
	if len(t.changed)+len(t.lines)+len(t.events) == 0 {
		return t.undo(ctx, nil)
	}
	if err := t.write(ctx); err != nil {
		return t.undo(ctx, err)
	}
	t.seen.advance(t.point())
	return nil
}

// begins reports whether the lines of the transaction begin a partition of the trail.
func (t *transaction) begins() bool { return !t.at.Before(t.head.trailEnds) }

// undo rolls back a transaction that took the lock, so that its connection can be used again.
func (t *transaction) undo(ctx context.Context, err error) error {
	if !t.first || t.conn.Conn().IsClosed() {
		return err
	}
	_, rerr := t.conn.Exec(ctx, "rollback")
	if rerr != nil {
		_ = t.conn.Conn().Close(ctx) // the cause is already known
	}
	if err == nil {
		return rerr
	}
	return err
}

func keysOf(group []*request) [][]byte {
	known := make(map[string]struct{})
	var keys [][]byte
	for _, r := range group {
		for _, key := range r.keys {
			if _, ok := known[key]; !ok {
				known[key] = struct{}{}
				keys = append(keys, []byte(key))
			}
		}
	}
	return keys
}

// lockText serialises transactions.
const lockText = "select pg_advisory_xact_lock($1)"

// readText queries the head and the existing records at keys in one snapshot.
const readText = withHead + `select key, value, expires_at from records
where key = any($2::bytea[]) and (expires_at is null or expires_at > clock_timestamp())) as f on true`

// read reads the head and the records. If the transaction takes the lock first, read begins the
// transaction.
func (t *transaction) read(ctx context.Context, before point, keys [][]byte) error {
	t.first = t.conflicts >= lockAfter
	if !t.first {
		return t.take(t.conn.Query(ctx, readText, before.Commit, keys))
	}
	batch := &pgx.Batch{}
	// Without "read write", which would override a server that is set to read-only.
	batch.Queue("begin isolation level read committed")
	batch.Queue(lockText, t.lockKey("commit"))
	batch.Queue(readText, before.Commit, keys)
	results := t.conn.SendBatch(ctx, batch)
	_, err := results.Exec()
	if err == nil {
		_, err = results.Exec()
	}
	if err == nil {
		err = t.take(results.Query())
	}
	if cerr := results.Close(); err == nil {
		err = cerr
	}
	return err
}

// take reads the result of readText.
func (t *transaction) take(rows pgx.Rows, err error) error {
	t.head, t.records, err = scanRecords(rows, err)
	return err
}

// scanRecords reads the result of readText.
func scanRecords(rows pgx.Rows, err error) (lastCommit, map[string]store.Record, error) {
	found := make(map[string]store.Record)
	if err != nil {
		return lastCommit{}, found, err
	}
	scan := headScan{}
	var key, value []byte
	var expires *time.Time
	h, err := scan.each(rows, []any{&key, &value, &expires}, func() {
		if key != nil {
			found[string(key)] = record(value, expires)
		}
		value = nil // the record holds the value
	})
	return h, found, err
}

// record converts a row to a record.
func record(value []byte, expires *time.Time) store.Record {
	r := store.Record{Value: value}
	if expires != nil {
		r.Expires = store.End(store.Until(*expires))
	}
	return r
}

// decide asks the members in turn, each with the changes of the earlier members applied. Members
// that exceed maxBytes are put back.
func (t *transaction) decide(group []*request) {
	t.members, t.changed = nil, make(map[string]*store.Record)
	for i, r := range group {
		if t.bytes >= maxBytes {
			t.queue.putBack(group[i:])
			return
		}
		now := make(map[string]store.Record, len(r.keys))
		for _, key := range r.keys {
			if found, ok := t.records[key]; ok {
				now[key] = found
			}
		}
		d, ok := r.ask(now)
		if !ok {
			continue
		}
		t.members, t.refusals = append(t.members, r), append(t.refusals, d.err)
		if d.err == nil {
			t.apply(d.changes)
		}
	}
}

func (t *transaction) apply(changes store.Changes) {
	for key, r := range changes.Records {
		t.changed[key] = r
		if r == nil || !r.Expires.IsZero() && !r.Expires.After(time.Now()) {
			delete(t.records, key)
			continue
		}
		t.records[key] = *r
		t.bytes += len(r.Value)
	}
	t.lines = append(t.lines, changes.Lines...)
	t.events = append(t.events, changes.Events...)
}
