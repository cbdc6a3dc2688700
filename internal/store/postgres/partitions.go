package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Period is the period of a partition of the audit trail, in UTC.
type Period string

// The periods.
const (
	// Day is a day.
	Day Period = "day"
	// Month is a calendar month.
	Month Period = "month"
)

const (
	// partitionPrefix is the prefix of the name of a partition of the trail. The first day follows.
	partitionPrefix = "trail_"
	partitionDay    = "20060102"
	// partitionDate is the format of a day in messages.
	partitionDate = "2006-01-02"
	// maxAhead is the maximum amount by which the time of a line may be ahead of the clock of the
	// writing process. A server whose clock jumps into another year must not move the trail to that
	// year.
	maxAhead = time.Hour
)

// errNoRoom reports that the lines of a commit would begin a partition that is not known to exist.
var errNoRoom = errors.New("no partition of the audit trail is known for this time")

// around returns the bounds of the period that contains a time.
func (p Period) around(at time.Time) (starts, ends time.Time) {
	year, month, day := at.UTC().Date()
	if p == Day {
		starts = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		return starts, starts.AddDate(0, 0, 1)
	}
	starts = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return starts, starts.AddDate(0, 1, 0)
}

// lineTime returns the time of the next lines of the trail: the server's time, at most maxAhead
// after the process's time own, and never before the time of the last line.
func (h lastCommit) lineTime(own time.Time) time.Time {
	at := h.clock(own)
	if at.Before(h.trailAt) {
		at = h.trailAt
	}
	return at.UTC().Truncate(time.Microsecond)
}

// clock is the time of the server, at most maxAhead after own.
func (h lastCommit) clock(own time.Time) time.Time {
	if most := own.Add(maxAhead); h.now.After(most) {
		return most
	}
	return h.now
}

// span is a partition of the trail.
type span struct {
	name         string
	starts, ends time.Time
	// first is the number of the first line, or 0 if there are no lines.
	first int64
}

func (s span) covers(at time.Time) bool { return !at.Before(s.starts) && at.Before(s.ends) }

// beginning returns the partition with its first line.
func (s span) beginning(first int64) span {
	s.first = first
	return s
}

const spanColumns = "name, starts, ends, coalesce(first, 0)"

func scanSpan(row pgx.CollectableRow) (s span, err error) {
	err = row.Scan(&s.name, &s.starts, &s.ends, &s.first)
	s.starts, s.ends = s.starts.UTC(), s.ends.UTC()
	return s, err
}

// attachedText queries the attached partitions that end after a time, in order.
const attachedText = "select " + spanColumns + ` from trail_partitions as p
	join pg_class as c on c.oid = to_regclass(quote_ident(p.name)) and c.relispartition
	where p.ends > $1 order by p.ends limit 2`

// rooms returns the attached partition that contains a time and the following partition, as far as
// they exist. It takes no lock that conflicts with maintenance of the trail.
func rooms(ctx context.Context, from *pgxpool.Pool, at time.Time) ([]span, error) {
	rows, err := from.Query(ctx, attachedText, at)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, scanSpan)
	for i, one := range all {
		if !one.covers(at) {
			return all[:i], err
		}
		at = one.ends
	}
	return all, err
}

// findRoom returns the partition of the trail that contains a time. It creates the partition if it
// is missing. The creation conflicts with vacuum, analyze and detach of the trail, so an existing
// partition is used without a statement that changes the schema.
func (s *Store) findRoom(ctx context.Context, at time.Time) (span, error) {
	there, err := rooms(ctx, s.writes, at)
	if err == nil && len(there) > 0 {
		return there[0], nil
	}
	var room span
	if err == nil {
		err = s.serially(ctx, func(tx pgx.Tx) (err error) {
			room, err = s.makePartition(ctx, tx, at)
			return err
		})
	}
	return room, err
}

// serially runs a transaction that changes the partitions of the trail. A lock serialises replicas.
func (s *Store) serially(ctx context.Context, run func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.writes, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockText, s.lockKey("schema")); err != nil {
			return err
		}
		return run(tx)
	})
}

// makePartitions creates the partition of the trail that contains a time, and the following
// partition, if they are missing. The transaction has the lock of serially. Readers and writers of
// the trail are not blocked.
func (s *Store) makePartitions(ctx context.Context, tx pgx.Tx, at time.Time) error {
	room, err := s.makePartition(ctx, tx, at)
	if err == nil {
		_, err = s.makePartition(ctx, tx, room.ends)
	}
	return err
}

// makePartition creates the partition that contains a time. Next to partitions that were made with
// another period, the new partition is shorter, so that they do not overlap.
func (s *Store) makePartition(ctx context.Context, tx pgx.Tx, at time.Time) (span, error) {
	rows, err := tx.Query(ctx, "select "+spanColumns+" from trail_partitions where starts <= $1 and ends > $1", at)
	if err != nil {
		return span{}, err
	}
	made, err := pgx.CollectExactlyOneRow(rows, scanSpan)
	if errors.Is(err, pgx.ErrNoRows) {
		made.starts, made.ends = s.config.TrailPeriod.around(at)
		err = tx.QueryRow(ctx, `select greatest($2, (select max(ends) from trail_partitions where ends <= $1)),
			least($3, (select min(starts) from trail_partitions where starts > $1))`, at, made.starts, made.ends).Scan(&made.starts, &made.ends)
		made.name = partitionPrefix + made.starts.UTC().Format(partitionDay)
		if err == nil {
			_, err = tx.Exec(ctx, "insert into trail_partitions (name, starts, ends) values ($1, $2, $3)", made.name, made.starts, made.ends)
		}
	}
	if err != nil {
		return span{}, err
	}
	return made, s.attach(ctx, tx, made)
}

// attach creates the table of a partition if it is missing, and attaches the table if it is not
// attached.
func (s *Store) attach(ctx context.Context, tx pgx.Tx, made span) error {
	var there, attached bool
	err := tx.QueryRow(ctx, `select c.oid is not null, coalesce(c.relispartition, false)
		from (select to_regclass($1)::oid as oid) as o left join pg_class as c on c.oid = o.oid`, s.name(made.name)).Scan(&there, &attached)
	if err != nil || attached {
		return err
	}
	from, to := made.starts.UTC().Format(time.RFC3339), made.ends.UTC().Format(time.RFC3339)
	if !there {
		// With the check constraint, the attach does not read the table.
		_, err = tx.Exec(ctx, fmt.Sprintf("create table %s (like trail including all, primary key (seq), check (at >= '%s' and at < '%s'))", s.name(made.name), from, to))
	}
	if err == nil {
		_, err = tx.Exec(ctx, fmt.Sprintf("alter table trail attach partition %s for values from ('%s') to ('%s')", s.name(made.name), from, to))
	}
	return err
}

// extendTrail creates the partition of the present and the next period if they are missing, long
// before lines need them, and records them for the writer.
func (s *Store) extendTrail(ctx context.Context) error {
	h, err := scanHead(s.reads.QueryRow(ctx, headText, 0))
	if err != nil {
		return err
	}
	own := s.config.Now()
	there, err := s.ensureRooms(ctx, h.lineTime(own))
	if err != nil {
		return err
	}
	s.ahead.Store(&there)
	if now := h.clock(own); h.trailAt.Sub(now) > maxAhead {
		if err := s.ensureReturn(ctx, now); err != nil {
			return err
		}
	}
	return s.loadSpans(ctx)
}

// ensureReturn creates the partition that contains a time before the last line, and the following
// partition, so that lines of the future can be brought back. A partition with lines is left as it
// is, because it may be archived.
func (s *Store) ensureReturn(ctx context.Context, at time.Time) error {
	there, err := rooms(ctx, s.reads, at)
	if err != nil || len(there) == 2 {
		return err
	}
	return s.serially(ctx, func(tx pgx.Tx) error {
		for range 2 {
			var filled bool
			const text = "select exists (select from trail_partitions where starts <= $1 and ends > $1 and first is not null)"
			if err := tx.QueryRow(ctx, text, at).Scan(&filled); err != nil || filled {
				return err
			}
			made, err := s.makePartition(ctx, tx, at)
			if err != nil {
				return err
			}
			at = made.ends
		}
		return nil
	})
}

// ensureRooms returns the partition that contains a time and the following partition. It creates
// missing ones.
func (s *Store) ensureRooms(ctx context.Context, at time.Time) ([]span, error) {
	there, err := rooms(ctx, s.reads, at)
	if err != nil || len(there) == 2 {
		return there, err
	}
	err = s.serially(ctx, func(tx pgx.Tx) error { return s.makePartitions(ctx, tx, at) })
	if err != nil {
		return nil, err
	}
	return rooms(ctx, s.writes, at)
}

// knownRoom returns the partition that contains a time if this replica knows that it exists.
func (w *writer) knownRoom(at time.Time) (span, bool) {
	known := []span{w.room}
	if ahead := w.ahead.Load(); ahead != nil {
		known = append(known, *ahead...)
	}
	for _, one := range known {
		if one.covers(at) {
			return one, true
		}
	}
	return span{}, false
}
