package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
)

const (
	// indexRows is the number of lines indexed per transaction.
	indexRows = 1000
	// catchUpTime limits the time that a caller waits for the index.
	catchUpTime = 2 * time.Second
	// indexInterval is the interval at which a replica indexes the lines that it wrote.
	indexInterval = time.Second
)

// keepIndex indexes the lines that this replica wrote, and at the start all remaining lines, until
// the store is closed. A replica without writes makes no queries.
func (s *Store) keepIndex() {
	ticker := time.NewTicker(indexInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-ticker.C:
		}
		if !s.unindexed.Swap(false) {
			continue
		}
		err := s.indexAll(s.life)
		if err != nil && s.life.Err() == nil {
			s.unindexed.Store(true)
			s.config.Logger.Debug("the index of the audit trail waits for the PostgreSQL store", zap.Error(clean(err)))
		}
	}
}

// indexAll indexes all existing lines.
func (s *Store) indexAll(ctx context.Context) error {
	for ctx.Err() == nil {
		_, more, err := s.indexStep(ctx)
		if err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// CatchUp indexes the lines that are missing in the index. If that takes too long for a caller, the
// error wraps audit.ErrIndexing, and the replicas continue in the background.
func (s *Store) CatchUp(ctx context.Context) error {
	if err := s.look(ctx); err != nil {
		return s.failed(ctx, err)
	}
	for end := time.Now().Add(catchUpTime); ; {
		at, more, err := s.indexStep(ctx)
		switch {
		case err != nil:
			return s.failed(ctx, err)
		case !more:
			return nil
		case time.Now().After(end):
			s.unindexed.Store(true)
			return fmt.Errorf("%w: it has the first %d lines", audit.ErrIndexing, at)
		}
	}
}

// indexStep indexes the next lines. It returns the number of the last indexed line and whether
// there may be more.
func (s *Store) indexStep(ctx context.Context) (at int64, more bool, err error) {
	limited, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err = pgx.BeginFunc(limited, s.reads, func(tx pgx.Tx) error {
		if err := tx.QueryRow(limited, "select seq from trail_index for update").Scan(&at); err != nil {
			return err
		}
		from, _ := s.spans.between(at+1, at+1)
		batch, err := readEntries(limited, tx, "select line from trail where seq > $1 and at >= $2 order by seq limit $3", at, from, indexRows)
		if err != nil || len(batch) == 0 {
			return err
		}
		at, more = int64(batch[len(batch)-1].Seq), len(batch) == indexRows //nolint:gosec // It came from a bigint.
		x := newIndexing(batch, &s.spans)
		if err := x.findIntents(limited, tx); err != nil {
			return err
		}
		return x.write(limited, tx, at)
	})
	return at, more, err
}

// readEntries reads lines of the trail. A malformed line becomes an entry with only a number;
// Verify reports such lines.
func readEntries(ctx context.Context, tx pgx.Tx, text string, args ...any) (all []audit.Entry, err error) {
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	var line string
	_, err = pgx.ForEachRow(rows, []any{&line}, func() error {
		e, perr := audit.ParseLine([]byte(line))
		if perr != nil {
			place, ok := audit.PlaceOf([]byte(line))
			if !ok {
				return fmt.Errorf("a line of the audit trail has another form: %w", perr)
			}
			e = audit.Entry{Seq: place.Seq()}
		}
		all = append(all, e)
		return nil
	})
	return all, err
}

// indexing holds the index rows of some lines.
type indexing struct {
	batch []audit.Entry
	spans *spans
	// intents holds the known open intents, by identifier.
	intents map[string]audit.Entry

	intent, outcome           []int64
	id                        []string
	endedIntent, endedOutcome []int64
	keys, positions, of       []int64
}

func newIndexing(batch []audit.Entry, spans *spans) *indexing {
	return &indexing{batch: batch, spans: spans, intents: map[string]audit.Entry{}}
}

// findIntents reads the intents of earlier lines whose outcomes are in the batch.
func (x *indexing) findIntents(ctx context.Context, tx pgx.Tx) error {
	here := map[string]bool{}
	var missing []string
	for _, e := range x.batch {
		switch e.Record.Kind {
		case audit.KindIntent:
			here[e.Record.ID] = true
		case audit.KindOutcome:
			if !here[e.Record.ID] {
				missing = append(missing, e.Record.ID)
			}
		default:
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, "select intent from changes where id = any($1) and outcome is null", missing)
	if err != nil {
		return err
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(open) == 0 {
		return err
	}
	from, to := x.spans.between(slices.Min(open), slices.Max(open))
	found, err := readEntries(ctx, tx, "select line from trail where seq = any($1) and at >= $2 and at < $3", open, from, to)
	for _, e := range found {
		x.intents[e.Record.ID] = e
	}
	return err
}

// collect computes the rows.
func (x *indexing) collect() {
	fresh := map[string]int{}
	for i := range x.batch {
		e := &x.batch[i]
		seq := int64(e.Seq) //nolint:gosec // It came from a bigint.
		keys := audit.AppendKeys(nil, &e.Record)
		switch e.Record.Kind {
		case audit.KindIntent:
			x.intents[e.Record.ID], fresh[e.Record.ID] = *e, len(x.intent)
			x.intent, x.outcome, x.id = append(x.intent, seq), append(x.outcome, 0), append(x.id, e.Record.ID)
			x.post(keys, seq, seq)
		case audit.KindOutcome:
			intent, known := x.intents[e.Record.ID]
			delete(x.intents, e.Record.ID)
			if !known {
				x.intent, x.outcome, x.id = append(x.intent, seq), append(x.outcome, seq), append(x.id, e.Record.ID)
				x.post(keys, seq, seq)
				continue
			}
			if at, ok := fresh[e.Record.ID]; ok {
				x.outcome[at] = seq
			} else {
				x.endedIntent, x.endedOutcome = append(x.endedIntent, int64(intent.Seq)), append(x.endedOutcome, seq) //nolint:gosec // As above.
			}
			before := audit.AppendKeys(nil, &intent.Record)
			keys = slices.DeleteFunc(keys, func(k audit.Key) bool { return slices.Contains(before, k) })
			x.post(keys, seq, int64(intent.Seq)) //nolint:gosec // As above.
		default:
		}
	}
}

func (x *indexing) post(keys []audit.Key, position, intent int64) {
	for _, k := range keys {
		x.keys = append(x.keys, int64(k)) //nolint:gosec // Any 64 bits.
		x.positions, x.of = append(x.positions, position), append(x.of, intent)
	}
}

// write adds the rows, and advances the index.
func (x *indexing) write(ctx context.Context, tx pgx.Tx, at int64) error {
	x.collect()
	batch := &pgx.Batch{}
	if len(x.intent) > 0 {
		batch.Queue(`insert into changes (intent, outcome, id) select i, nullif(o, 0), d from unnest($1::bigint[], $2::bigint[], $3::text[]) as e (i, o, d)
			on conflict do nothing`, x.intent, x.outcome, x.id)
	}
	if len(x.endedIntent) > 0 {
		batch.Queue(`update changes as c set outcome = e.o from unnest($1::bigint[], $2::bigint[]) as e (i, o) where c.intent = e.i`,
			x.endedIntent, x.endedOutcome)
	}
	if len(x.keys) > 0 {
		batch.Queue(`insert into change_keys (key, position, intent) select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
			on conflict do nothing`, x.keys, x.positions, x.of)
	}
	batch.Queue("update trail_index set seq = $1", at)
	return tx.SendBatch(ctx, batch).Close()
}
