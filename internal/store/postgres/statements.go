package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// write takes the number of the commit, writes everything and commits.
func (t *transaction) write(ctx context.Context) error {
	batch := &pgx.Batch{}
	last, lines, err := t.link()
	if err != nil {
		return err
	}
	hash := last.Hash()
	eventMark := t.head.eventMark
	if len(t.events) > 0 {
		eventMark = t.mark
	}
	batch.Queue(lockText, t.lockKey("commit"))
	batch.Queue("insert into receipts (mark, commit, seq, hash, event, event_mark) values ($1, $2, $3, $4, $5, $6)",
		t.mark, t.head.commit+1, int64(last.Seq()), hash[:], t.head.event+int64(len(t.events)), eventMark) //nolint:gosec // Lines are counted from a bigint on.
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

// link chains the lines behind the last one of the trail, and returns the new last
// one. A process begins with a start record, and each partition of the trail with a
// recovered record, so that it can be verified by itself.
func (t *transaction) link() (audit.Place, trailLines, error) {
	chain, lines := audit.NewChain(t.config.AuditKey, t.head.chain, t.head.line), trailLines{}
	if len(t.lines) == 0 {
		return chain.At(), lines, nil
	}
	now := t.config.Now()
	own := func(kind audit.Kind, reason string) {
		lines.add(chain.AppendOwn(nil, kind, reason, now), chain.At(), now)
	}
	rotate := func() {
		if seq := int64(chain.At().Seq()); seq > 0 && seq%t.head.size == 0 { //nolint:gosec // Lines are counted from a bigint on.
			own(audit.KindRecovered, audit.ReasonRotated)
		}
	}
	rotate()
	if !t.started || chain.At().Seq() == 0 {
		own(audit.KindStart, "")
	}
	for _, r := range t.lines {
		rotate()
		if r.Time.IsZero() {
			r.Time = now
		}
		text, err := chain.Append(nil, r, now)
		if err != nil {
			return chain.At(), lines, err
		}
		lines.add(text, chain.At(), r.Time)
	}
	return chain.At(), lines, nil
}

// add adds a line, which ends with a line feed.
func (l *trailLines) add(text []byte, place audit.Place, at time.Time) {
	l.seq = append(l.seq, int64(place.Seq())) //nolint:gosec // Lines are counted from a bigint on.
	l.at = append(l.at, at)
	l.text = append(l.text, string(text[:len(text)-1]))
}
