package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
)

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

// Lines reads lines, without their line feeds. The result for a line that is no longer in the trail
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
	const text = withHead + "select seq, line from trail where seq = any($2::bigint[]) and at >= $3 and at < $4) as f on true"
	from, to := s.spans.between(slices.Min(seqs), slices.Max(seqs))
	err := s.page(ctx, func(ctx context.Context, before point) (h lastCommit, err error) {
		rows, err := s.reads.Query(ctx, text, before.Commit, seqs, from, to)
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

// forget removes changes from the index whose records are all before a number.
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
