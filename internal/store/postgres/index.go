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
	// indexRows is how many lines are indexed in one transaction.
	indexRows = 1000
	// catchUpTime bounds how long a caller waits for the index.
	catchUpTime = 2 * time.Second
	// indexInterval is how often a replica that wrote lines indexes them.
	indexInterval = time.Second
)

// keepIndex indexes what this replica wrote, and at the start what is left, until the
// store is closed. A replica that writes nothing asks nothing.
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

// indexAll indexes all lines that are there.
func (s *Store) indexAll(ctx context.Context) error {
	for ctx.Err() == nil {
		_, more, err := s.indexStep(ctx)
		if err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// CatchUp indexes what the trail has more than the index. Its error has audit.ErrIndexing
// where that takes longer than a caller waits: the replicas go on with it.
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

// indexStep indexes the next lines, and returns the number of the last one and
// whether there may be more.
func (s *Store) indexStep(ctx context.Context) (at int64, more bool, err error) {
	limited, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err = pgx.BeginFunc(limited, s.reads, func(tx pgx.Tx) error {
		if err := tx.QueryRow(limited, "select seq from trail_index for update").Scan(&at); err != nil {
			return err
		}
		batch, err := readEntries(limited, tx, "select line from trail where seq > $1 order by seq limit $2", at, indexRows)
		if err != nil || len(batch) == 0 {
			return err
		}
		at, more = int64(batch[len(batch)-1].Seq), len(batch) == indexRows //nolint:gosec // It came from a bigint.
		x := newIndexing(batch)
		if err := x.findIntents(limited, tx); err != nil {
			return err
		}
		return x.write(limited, tx, at)
	})
	return at, more, err
}

// readEntries reads lines of the trail. One in another form is an entry with its
// number alone, which Verify tells of.
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

// indexing are the rows that some lines add to the index.
type indexing struct {
	batch []audit.Entry
	// intents are the open intents that are known, by identifier.
	intents map[string]audit.Entry

	intent, outcome           []int64
	id                        []string
	endedIntent, endedOutcome []int64
	keys, positions, of       []int64
}

func newIndexing(batch []audit.Entry) *indexing {
	return &indexing{batch: batch, intents: map[string]audit.Entry{}}
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
	found, err := readEntries(ctx, tx, `select t.line from changes as c join trail as t on t.seq = c.intent
		where c.id = any($1) and c.outcome is null`, missing)
	for _, e := range found {
		x.intents[e.Record.ID] = e
	}
	return err
}

// collect makes the rows.
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

// write adds the rows, and moves the index on.
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

// Rows returns the changes with a key whose position is below before, newest first,
// at most limit. before 0 means the end of the index.
func (s *Store) Rows(ctx context.Context, key audit.Key, before uint64, limit int) (found []audit.Row, err error) {
	const text = withHead + `select k.position, c.intent, coalesce(c.outcome, 0) from change_keys as k join changes as c on c.intent = k.intent
		where k.key = $2 and k.position < $3 order by k.position desc limit $4) as f (position, intent, outcome) on true order by f.position desc`
	if before == 0 || before > 1<<63-1 {
		before = 1<<63 - 1
	}
	err = s.page(ctx, func(ctx context.Context, seen point) (h lastCommit, err error) {
		found = found[:0]
		rows, err := s.reads.Query(ctx, text, seen.Commit, int64(key), int64(before), limit) //nolint:gosec // Any 64 bits.
		if err != nil {
			return h, err
		}
		scan := headScan{}
		var position, intent, outcome *int64
		return scan.each(rows, []any{&position, &intent, &outcome}, func() {
			if position != nil {
				found = append(found, audit.Row{
					Position: uint64(*position), Intent: audit.Location{Seq: uint64(*intent)}, Outcome: audit.Location{Seq: uint64(*outcome)}, //nolint:gosec // Numbers of lines are above 0.
				})
			}
		})
	})
	return found, err
}

// Lines reads lines, without their line feeds. One that is not in the trail any more
// is nil.
func (s *Store) Lines(ctx context.Context, at []audit.Location) ([][]byte, error) {
	if len(at) == 0 {
		return nil, nil
	}
	seqs := make([]int64, len(at))
	for i, l := range at {
		seqs[i] = int64(l.Seq) //nolint:gosec // It came from a bigint.
	}
	found := make(map[int64][]byte, len(at))
	const text = withHead + "select seq, line from trail where seq = any($2::bigint[])) as f on true"
	err := s.page(ctx, func(ctx context.Context, before point) (h lastCommit, err error) {
		rows, err := s.reads.Query(ctx, text, before.Commit, seqs)
		if err != nil {
			return h, err
		}
		scan := headScan{}
		var seq *int64
		var line *string
		return scan.each(rows, []any{&seq, &line}, func() {
			if seq != nil {
				found[*seq] = []byte(*line)
			}
		})
	})
	lines := make([][]byte, len(at))
	for i, seq := range seqs {
		lines[i] = found[seq]
	}
	return lines, err
}

// forget removes the changes whose records are all before a number from the index.
func (s *Store) forget(ctx context.Context, first, last uint64) error {
	const step = 20_000
	for at := first; at <= last; at += step {
		end := min(at+step-1, last)
		batch := &pgx.Batch{}
		for _, text := range []string{
			"delete from change_keys where position between $1 and $2",
			"delete from changes where intent between $1 and $2 and outcome <= $3",
		} {
			args := []any{int64(at), int64(end)} //nolint:gosec // They came from bigints.
			if len(batch.QueuedQueries) > 0 {
				args = append(args, int64(last)) //nolint:gosec // As above.
			}
			batch.Queue(text, args...)
		}
		if err := s.writes.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	return nil
}
