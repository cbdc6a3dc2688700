package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// maxBytes is how much the values of one transaction may take, so that commits of
// large values do not add up.
const maxBytes = 16 << 20

// transaction is one attempt to commit a group. It takes two round trips: one
// reads, one writes.
type transaction struct {
	*writer
	mark mark
	conn *pgxpool.Conn
	head lastCommit
	// members are the commits that take part, and refusals the errors of their
	// decides.
	members  []*request
	refusals []error
	// records are those that exist, as the members leave them.
	records map[string]store.Record
	changed map[string]*store.Record
	events  []store.Event
	lines   []audit.Record
	bytes   int
	// sent says that COMMIT may have reached the server.
	sent bool
}

// run makes the attempt. After an error with sent, and that the server did not
// give, it is not known whether the transaction happened.
func (t *transaction) run(ctx context.Context, group []*request) error {
	t.members = group
	if err := t.join(ctx); err != nil {
		return err
	}
	conn, err := t.writes.Acquire(ctx)
	if err != nil {
		return err
	}
	// A connection within a transaction is closed instead of being kept.
	defer conn.Release()
	t.conn = conn
	before := t.seen.get()
	if err := t.read(ctx, before, keysOf(group)); err != nil {
		return t.undo(ctx, err)
	}
	if err := t.accept(t.head, before); err != nil {
		return t.undo(ctx, err)
	}
	t.decide(group)
	if len(t.changed)+len(t.lines)+len(t.events) == 0 {
		_, err := conn.Exec(ctx, "rollback")
		return err
	}
	if err := t.write(ctx); err != nil {
		return t.undo(ctx, err)
	}
	t.seen.advance(t.point())
	return nil
}

// undo ends a transaction that the server refused, so that its connection can be
// used again.
func (t *transaction) undo(ctx context.Context, err error) error {
	if t.conn.Conn().IsClosed() {
		return err
	}
	if _, rerr := t.conn.Exec(ctx, "rollback"); rerr != nil {
		_ = t.conn.Conn().Close(ctx) // What is wrong with it is known.
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

// lockText has transactions take turns.
const lockText = "select pg_advisory_xact_lock($1)"

// recordsText asks for the records at keys that exist.
const recordsText = `select key, value, expires_at from records
where key = any($1::bytea[]) and (expires_at is null or expires_at > clock_timestamp())`

// read begins the transaction and reads the head and the records.
func (t *transaction) read(ctx context.Context, before point, keys [][]byte) error {
	batch := &pgx.Batch{}
	// Not "read write", which would overrule a server that is set to read-only.
	batch.Queue("begin isolation level read committed")
	if t.conflicts >= lockAfter {
		batch.Queue(lockText, t.lockKey("commit"))
	}
	// The head comes first: what changes behind it is then noticed, since the number
	// of the next commit is taken.
	batch.Queue(headText, before.Commit)
	batch.Queue(recordsText, keys)
	results := t.conn.SendBatch(ctx, batch)
	err := t.take(results)
	if cerr := results.Close(); err == nil {
		err = cerr
	}
	return err
}

func (t *transaction) take(results pgx.BatchResults) (err error) {
	if _, err := results.Exec(); err != nil {
		return err
	}
	if t.conflicts >= lockAfter {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	if t.head, err = scanHead(results.QueryRow()); err != nil {
		return err
	}
	t.records, err = scanRecords(results.Query())
	return err
}

// scanRecords reads the answer to recordsText.
func scanRecords(rows pgx.Rows, err error) (map[string]store.Record, error) {
	found := make(map[string]store.Record)
	if err != nil {
		return found, err
	}
	var key, value []byte
	var expires *time.Time
	_, err = pgx.ForEachRow(rows, []any{&key, &value, &expires}, func() error {
		found[string(key)] = record(value, expires)
		value = nil // The record keeps it.
		return nil
	})
	return found, err
}

// record is a record as it is given out.
func record(value []byte, expires *time.Time) store.Record {
	r := store.Record{Value: value}
	if expires != nil {
		r.Expires = store.End(store.Until(*expires))
	}
	return r
}

// decide asks the members one after the other, each with what those before it
// leave. Members that find no room are put back.
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
