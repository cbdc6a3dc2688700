package postgres

import (
	"context"
	"errors"
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
	head head
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

// write takes the number of the commit, writes everything and commits.
func (t *transaction) write(ctx context.Context) error {
	batch := &pgx.Batch{}
	tip, lines := t.link()
	eventMark := t.head.eventMark
	if len(t.events) > 0 {
		eventMark = t.mark
	}
	batch.Queue(lockText, t.lockKey("commit"))
	batch.Queue("insert into receipts (mark, commit, seq, hash, event, event_mark) values ($1, $2, $3, $4, $5, $6)",
		t.mark, t.head.commit+1, int64(tip.Seq), tip.Hash[:], t.head.event+int64(len(t.events)), eventMark) //nolint:gosec // Lines are counted from a bigint on.
	t.queueRecords(batch)
	if len(lines.text) > 0 {
		batch.Queue("insert into trail (seq, at, line) select * from unnest($1::bigint[], $2::timestamptz[], $3::text[])",
			lines.seq, lines.at, lines.text)
	}
	t.queueEvents(batch)
	batch.Queue("commit")
	t.sent = true
	results := t.conn.SendBatch(ctx, batch)
	committed := false
	var err error
	for range batch.Len() {
		tag, eerr := results.Exec()
		if eerr != nil {
			err = eerr
			break
		}
		committed = tag.String() == "COMMIT"
	}
	if cerr := results.Close(); err == nil && !committed {
		err = errors.Join(errors.New("the server did not commit"), cerr)
	}
	return err
}

func (t *transaction) queueRecords(batch *pgx.Batch) {
	var gone, keys, values [][]byte
	var expires []*time.Time
	for key, r := range t.changed {
		if r == nil {
			gone = append(gone, []byte(key))
			continue
		}
		keys, values = append(keys, []byte(key)), append(values, notNil(r.Value))
		var end *time.Time
		if until := store.Until(r.Expires); until != 0 {
			at := store.End(until)
			end = &at
		}
		expires = append(expires, end)
	}
	if len(gone) > 0 {
		batch.Queue("delete from records where key = any($1::bytea[])", gone)
	}
	if len(keys) > 0 {
		batch.Queue(`insert into records (key, value, expires_at) select * from unnest($1::bytea[], $2::bytea[], $3::timestamptz[])
			on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at`, keys, values, expires)
	}
}

func (t *transaction) queueEvents(batch *pgx.Batch) {
	if len(t.events) == 0 {
		return
	}
	var ids []int64
	var topics []string
	var data [][]byte
	for i, e := range t.events {
		ids = append(ids, t.head.event+int64(i)+1)
		topics, data = append(topics, e.Topic), append(data, notNil(e.Data))
	}
	batch.Queue("insert into events (id, topic, mark, data) select i, t, $4::uuid, d from unnest($1::bigint[], $2::text[], $3::bytea[]) as e (i, t, d)",
		ids, topics, data, t.mark)
}

// notNil keeps an empty value from becoming null.
func notNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// trailLines are lines of the trail, column by column.
type trailLines struct {
	seq  []int64
	at   []time.Time
	text []string
}

// link chains the lines behind the tip of the trail. A process begins with a
// start record, and each partition of the trail with a recovered record, so that
// it can be verified by itself.
func (t *transaction) link() (audit.Tip, trailLines) {
	tip, lines := t.head.tip, trailLines{}
	if len(t.lines) == 0 {
		return tip, lines
	}
	now := t.config.Now()
	add := func(r audit.Record) {
		if r.Time.IsZero() {
			r.Time = now
		}
		text := t.linker.Link(nil, &tip, r)
		lines.seq = append(lines.seq, int64(tip.Seq)) //nolint:gosec // As above.
		lines.at = append(lines.at, r.Time)
		lines.text = append(lines.text, string(text[:len(text)-1]))
	}
	rotate := func() {
		if tip.Seq > 0 && int64(tip.Seq)%t.head.size == 0 { //nolint:gosec // As above.
			add(audit.Record{Kind: audit.KindRecovered, Time: now, Reason: audit.ReasonRotated})
		}
	}
	rotate()
	if !t.started || tip.Seq == 0 {
		add(audit.Record{Kind: audit.KindStart, Time: now})
	}
	for _, r := range t.lines {
		rotate()
		add(r)
	}
	return tip, lines
}
