package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

const (
	// lookInterval is the minimum interval of checks by a replica; jitter adds up to a half. Every
	// sweepEach checks, expired rows are deleted.
	lookInterval = 5 * time.Second
	sweepEach    = 10
	// sweepBatch is the number of rows per deletion.
	sweepBatch = 1000
	// receiptLife is the retention of receipts: far longer than a response can be delayed.
	receiptLife = time.Hour
	// eventLife and maxEvents limit the retention of events. A reader that missed deleted events is
	// notified by complete=false.
	eventLife = 15 * time.Minute
	maxEvents = 100_000
)

// keepHouse checks the store periodically, and deletes expired rows.
func (s *Store) keepHouse() {
	for round := 1; ; round++ {
		timer := time.NewTimer(lookInterval + rand.N(lookInterval/2)) //nolint:gosec // only for jitter
		select {
		case <-s.life.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		var err error
		if !s.seen.lately(lookInterval) {
			err = s.look(s.life)
		}
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

// tidy creates partitions for the trail and deletes expired rows. A failure of one does not prevent
// the other.
func (s *Store) tidy(ctx context.Context) error {
	return errors.Join(s.extend(ctx), s.sweep(ctx))
}

// sweep deletes expired rows, unless another replica is doing so.
func (s *Store) sweep(ctx context.Context) error {
	for deleted := int64(sweepBatch); deleted >= sweepBatch && ctx.Err() == nil; {
		deleted = 0
		err := s.alone(ctx, func(ctx context.Context, tx pgx.Tx) error {
			for _, sweep := range []func(context.Context, pgx.Tx) (int64, error){sweepRecords, sweepReceipts, sweepEvents} {
				n, err := sweep(ctx, tx)
				if err != nil {
					return err
				}
				deleted = max(deleted, n)
			}
			return nil
		})
		if err != nil {
			return s.explain(err)
		}
	}
	return nil
}

// extend runs extendTrail, and logs its failure, because changes fail after the last partition.
func (s *Store) extend(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err := s.explain(s.extendTrail(limited))
	switch {
	case err == nil && s.unextended.over():
		s.config.Logger.Info("the next partition of the audit trail exists again")
	case err != nil && ctx.Err() == nil:
		if err = clean(err); s.unextended.due(err) {
			s.config.Logger.Warn("the next partition of the audit trail cannot be created", zap.Error(err))
		}
	}
	return err
}

// alone runs a transaction, unless another replica is running one.
func (s *Store) alone(ctx context.Context, run func(context.Context, pgx.Tx) error) error {
	limited, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	return pgx.BeginFunc(limited, s.writes, func(tx pgx.Tx) error {
		var mine bool
		err := tx.QueryRow(limited, "select pg_try_advisory_xact_lock($1)", s.lockKey("sweep")).Scan(&mine)
		if err != nil || !mine {
			return err
		}
		return run(limited, tx)
	})
}

// sweepRecords deletes expired records. Records that are being changed are skipped.
func sweepRecords(ctx context.Context, tx pgx.Tx) (int64, error) {
	const text = `delete from records where ctid = any(array(
		select ctid from records where expires_at < clock_timestamp() limit $1 for update skip locked))`
	tag, err := tx.Exec(ctx, text, sweepBatch)
	return tag.RowsAffected(), err
}

// sweepReceipts deletes old receipts in commit order, except for the last old receipt. It starts at
// the first receipt left by the previous sweep, because dead rows slow down the index as long as
// another transaction can see them.
func sweepReceipts(ctx context.Context, tx pgx.Tx) (int64, error) {
	const asked = "delete from receipts where commit is null and made_at < clock_timestamp() - make_interval(secs => $1)"
	if _, err := tx.Exec(ctx, asked, receiptLife.Seconds()); err != nil {
		return 0, err
	}
	const text = `with old as (
		select max(commit) as last from (
			select commit, made_at from receipts where commit >= (select receipts_from from store) order by commit limit $1
		) as first where made_at < clock_timestamp() - make_interval(secs => $2)
	), moved as (
		update store set receipts_from = old.last from old where old.last > receipts_from returning receipts_from
	) delete from receipts where commit >= (select receipts_from from store) and commit < (select receipts_from from moved)`
	tag, err := tx.Exec(ctx, text, sweepBatch+1, receiptLife.Seconds())
	return tag.RowsAffected(), err
}

// sweepEvents deletes old events in order, except for the last old event, so that a reader at that
// event still gets complete results.
func sweepEvents(ctx context.Context, tx pgx.Tx) (int64, error) {
	const text = `with old as (
		select max(id) as last from (
			select id, made_at from events where id >= (select events_from from store) order by id limit $1
		) as first where made_at < clock_timestamp() - make_interval(secs => $2)
			or id <= (select event from receipts where commit is not null order by commit desc limit 1) - $3
	), moved as (
		update store set events_from = old.last from old where old.last > events_from returning events_from
	) delete from events where id >= (select events_from from store) and id < (select events_from from moved)`
	tag, err := tx.Exec(ctx, text, sweepBatch+1, eventLife.Seconds(), maxEvents)
	return tag.RowsAffected(), err
}
