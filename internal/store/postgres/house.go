package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

const (
	// lookInterval is how often a replica looks at the store at least, and longer by
	// up to a half. Every sweepEach times it deletes what has ended.
	lookInterval = 5 * time.Second
	sweepEach    = 6
	// sweepBatch is how many rows are deleted at once.
	sweepBatch = 1000
	// receiptLife is how long receipts are kept: far longer than an answer can be
	// on its way.
	receiptLife = time.Hour
	// eventLife and maxEvents bound how long and how many events are kept. A reader
	// that was away for longer is told so.
	eventLife = 15 * time.Minute
	maxEvents = 100_000
)

// keepHouse looks at the store now and then, and deletes what has ended.
func (s *Store) keepHouse() {
	for round := 1; ; round++ {
		timer := time.NewTimer(lookInterval + rand.N(lookInterval/2)) //nolint:gosec // Only spreads replicas.
		select {
		case <-s.life.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		err := s.look(s.life)
		if err == nil && round%sweepEach == 0 {
			err = s.tidy(s.life)
		}
		if err != nil && s.life.Err() == nil {
			s.config.Logger.Debug("housekeeping of the PostgreSQL store failed", zap.Error(clean(err)))
		}
		if err := s.memory.save(s.seen.get()); err != nil {
			s.config.Logger.Warn("the memory of the PostgreSQL store cannot be written", zap.Error(err))
		}
	}
}

// tidy deletes what has ended and makes room for the trail, unless another replica
// does so now.
func (s *Store) tidy(ctx context.Context) error {
	for more := true; more && ctx.Err() == nil; {
		limited, cancel := context.WithTimeout(ctx, statementTimeout)
		var err error
		more, err = s.sweep(limited)
		cancel()
		if err != nil {
			return s.explain(err)
		}
	}
	return nil
}

// sweeps delete at most $1 rows each. Rows that somebody is changing are left for
// the next time.
var sweeps = []string{
	`delete from records where ctid = any(array(
		select ctid from records where expires_at < clock_timestamp() limit $1 for update skip locked))`,
	// In the order of commits, so that the oldest one that is kept is known.
	`delete from receipts where ctid = any(array(
		select ctid from receipts where commit <= (
			select max(commit) from receipts where made_at < clock_timestamp() - make_interval(secs => $2)
		) or commit is null and made_at < clock_timestamp() - make_interval(secs => $2)
		order by commit limit $1 for update skip locked))`,
	// The last one stays, so that a reader of all of them is told of the next.
	`delete from events where id in (
		select id from events where id < (select event from head)
			and (made_at < clock_timestamp() - make_interval(secs => $2) or id <= (select event from head) - $3)
		order by id limit $1 for update skip locked)`,
}

// sweep deletes some of what has ended, and makes room for the next lines of the
// trail. It reports whether there is more.
func (s *Store) sweep(ctx context.Context) (more bool, err error) {
	var seq, size int64
	due := false
	err = pgx.BeginFunc(ctx, s.writes, func(tx pgx.Tx) error {
		var mine bool
		err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1), seq, trail_size from head", s.lockKey("sweep")).Scan(&mine, &seq, &size)
		if err != nil || !mine {
			return err
		}
		due = seq%size > size/2
		args := [][]any{{sweepBatch}, {sweepBatch, receiptLife.Seconds()}, {sweepBatch, eventLife.Seconds(), maxEvents}}
		for i, text := range sweeps {
			tag, err := tx.Exec(ctx, text, args[i]...)
			if err != nil {
				return err
			}
			more = more || tag.RowsAffected() >= sweepBatch
		}
		return nil
	})
	if err == nil && due && !more {
		err = s.extendTrail(ctx, seq, size/2, size)
	}
	return more, err
}
