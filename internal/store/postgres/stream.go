package postgres

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

const (
	// streamInterval is the interval at which a stream looks for new lines.
	streamInterval = time.Second
	// streamIdle is the maximum interval if there are no new lines for some time.
	streamIdle = 5 * time.Second
)

// Stream writes new lines of the trail, each with its line feed, until ctx ends or w fails. name is
// the name of the stream. Replicas that use the same name take turns, so that each line is written
// once by all of them together, and the position survives a restart. A line may be written twice if
// a replica ends during the write. A new stream begins with the first line of the trail.
func (s *Store) Stream(ctx context.Context, name string, w io.Writer) error {
	wait := streamInterval
	for ctx.Err() == nil && !s.closing.Load() {
		written, err := s.ship(ctx, name, w)
		if errors.Is(err, errVisit) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			s.config.Logger.Debug("the stream of the audit trail waits for the PostgreSQL store", zap.Error(clean(err)))
		}
		if wait = min(2*wait, streamIdle); written > 0 {
			wait = streamInterval
		}
		if written == pageRows {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.life.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// ship writes the next page of lines, unless another replica is doing so.
func (s *Store) ship(ctx context.Context, name string, w io.Writer) (written int, err error) {
	if err := s.look(ctx); err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, s.reads, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into streams (name, seq) values ($1, 0) on conflict do nothing", name); err != nil {
			return err
		}
		var at int64
		err := tx.QueryRow(ctx, "select seq from streams where name = $1 for update skip locked", name).Scan(&at)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		from, _ := s.spans.between(at+1, at+1)
		rows, err := tx.Query(ctx, "select seq, line from trail where seq > $1 and at >= $2 order by seq limit $3", at, from, pageRows)
		if err != nil {
			return err
		}
		var text []byte
		var line string
		_, err = pgx.ForEachRow(rows, []any{&at, &line}, func() error {
			text = append(append(text, line...), '\n')
			written++
			return nil
		})
		if err != nil || written == 0 {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return errors.Join(errVisit, err)
		}
		_, err = tx.Exec(ctx, "update streams set seq = $2 where name = $1", name, at)
		return err
	})
	return written, err
}
