package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// statement is the single statement that writes a commit. Its parts read from turn, which makes
// each part wait for the commit lock.
type statement struct {
	parts []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (s *statement) arg(value any, kind string) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args)) + "::" + kind
}

func (s *statement) add(name, text string) {
	s.parts = append(s.parts, name+" as ("+text+")")
}

// write takes the next commit number and writes everything.
func (t *transaction) write(ctx context.Context) error {
	last, lines, err := t.link()
	if err != nil {
		return err
	}
	s := &statement{}
	s.parts = append(s.parts, "turn as materialized (select pg_advisory_xact_lock("+s.arg(t.lockKey("commit"), "bigint")+"))")
	t.addRecords(s)
	t.addLines(s, lines)
	t.addEvents(s)
	text := "with " + strings.Join(s.parts, ", ") + " insert into receipts (mark, commit, seq, hash, trail_at, trail_ends, event, event_mark) select " + t.receipt(s, last, len(lines.text) > 0) + " from turn"
	t.sent = true
	if !t.first {
		// The transaction is committed when the server is ready for the next statement.
		tag, err := t.conn.Exec(ctx, text, s.args...)
		if err == nil && tag.RowsAffected() != 1 {
			err = errors.New("the server did not commit")
		}
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(text, s.args...)
	batch.Queue("commit")
	results := t.conn.SendBatch(ctx, batch)
	_, err = results.Exec()
	if err == nil {
		var tag pgconn.CommandTag
		if tag, err = results.Exec(); err == nil && tag.String() != "COMMIT" {
			err = errors.New("the server did not commit")
		}
	}
	return errors.Join(err, results.Close())
}

// receipt returns the columns of the receipt.
func (t *transaction) receipt(s *statement, last audit.Place, grown bool) string {
	hash, eventMark := last.Hash(), t.head.eventMark
	at, ends := t.head.trailAt, t.head.trailEnds
	if grown {
		at = t.at
	}
	if grown && t.begins() {
		ends = t.room.ends
	}
	if len(t.events) > 0 {
		eventMark = t.mark
	}
	return strings.Join([]string{
		s.arg(t.mark, "uuid"), s.arg(t.head.commit+1, "bigint"), s.arg(int64(last.Seq()), "bigint"), //nolint:gosec // Lines are counted from a bigint on.
		s.arg(hash[:], "bytea"), s.arg(at, "timestamptz"), s.arg(ends, "timestamptz"), s.arg(t.head.event+int64(len(t.events)), "bigint"), s.arg(eventMark, "uuid"),
	}, ", ")
}

func (t *transaction) addRecords(s *statement) {
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
		s.add("gone", "delete from records using turn where key = any("+s.arg(gone, "bytea[]")+")")
	}
	if len(keys) > 0 {
		s.add("kept", "insert into records (key, value, expires_at) select r.* from turn, unnest("+
			s.arg(keys, "bytea[]")+", "+s.arg(values, "bytea[]")+", "+s.arg(expires, "timestamptz[]")+
			") as r on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at")
	}
}

func (t *transaction) addEvents(s *statement) {
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
	s.add("told", "insert into events (id, topic, mark, data) select i, t, "+s.arg(t.mark, "uuid")+", d from turn, unnest("+
		s.arg(ids, "bigint[]")+", "+s.arg(topics, "text[]")+", "+s.arg(data, "bytea[]")+") as e (i, t, d)")
}

// notNil prevents an empty value from becoming null.
func notNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// trailLines are lines of the trail, column by column.
type trailLines struct {
	seq  []int64
	text []string
}

// addLines adds the lines to the trail, all with the time of the transaction. If the lines begin a
// partition, it records the first line of the partition.
func (t *transaction) addLines(s *statement, lines trailLines) {
	if len(lines.text) == 0 {
		return
	}
	s.add("lines", "insert into trail (seq, at, line) select l.s, "+s.arg(t.at, "timestamptz")+", l.t from turn, unnest("+
		s.arg(lines.seq, "bigint[]")+", "+s.arg(lines.text, "text[]")+") as l (s, t)")
	if t.begins() {
		// A row that was deleted while the table remained is inserted again.
		s.add("begun", "insert into trail_partitions (name, starts, ends, first) select "+s.arg(t.room.name, "text")+", "+
			s.arg(t.room.starts, "timestamptz")+", "+s.arg(t.room.ends, "timestamptz")+", "+s.arg(lines.seq[0], "bigint")+
			" from turn on conflict (name) do update set first = excluded.first")
	}
}

// link chains the lines after the last line of the trail, and returns the new last line. A process
// begins with a start record, and each partition of the trail with a recovered record, so that a
// partition can be verified separately.
func (t *transaction) link() (audit.Place, trailLines, error) {
	chain, lines := audit.NewChain(t.config.AuditKey, t.head.chain, t.head.line), trailLines{}
	if len(t.lines) == 0 {
		return chain.At(), lines, nil
	}
	now := t.config.Now()
	own := func(kind audit.RecordKind, reason string) {
		lines.add(chain.AppendOwn(nil, kind, reason, now), chain.At())
	}
	if t.begins() && chain.At().Seq() > 0 {
		own(audit.KindRecovered, audit.ReasonRotated)
	}
	if !t.started || chain.At().Seq() == 0 {
		own(audit.KindStart, "")
	}
	for _, r := range t.lines {
		if r.Time.IsZero() {
			r.Time = now
		}
		text, err := chain.Append(nil, r, now)
		if err != nil {
			return chain.At(), lines, err
		}
		lines.add(text, chain.At())
	}
	return chain.At(), lines, nil
}

// add adds a line, which must end with a line feed.
func (l *trailLines) add(text []byte, place audit.Place) {
	l.seq = append(l.seq, int64(place.Seq())) //nolint:gosec // Lines are counted from a bigint on.
	l.text = append(l.text, string(text[:len(text)-1]))
}
