package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
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

// makeRoom creates the partition of the trail that contains a time, and the following partition, if
// they are missing. It returns the partition of the time. A lock serialises replicas. The creation
// does not block readers or writers of the trail.
func (s *Store) makeRoom(ctx context.Context, at time.Time) (room span, err error) {
	err = pgx.BeginFunc(ctx, s.writes, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", s.lockKey("schema")); err != nil {
			return err
		}
		room, err = s.makePartitions(ctx, tx, at)
		return err
	})
	return room, err
}

// makePartitions does the work of makeRoom within a transaction that has the lock.
func (s *Store) makePartitions(ctx context.Context, tx pgx.Tx, at time.Time) (span, error) {
	room, err := s.makePartition(ctx, tx, at)
	if err == nil {
		_, err = s.makePartition(ctx, tx, room.ends)
	}
	return room, err
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

// extendTrail creates the partition of the present or the next period if it is missing, long before
// lines need it.
func (s *Store) extendTrail(ctx context.Context) error {
	h, err := scanHead(s.reads.QueryRow(ctx, headText, 0))
	if err != nil {
		return err
	}
	at := h.lineTime(s.config.Now())
	missing, err := s.missingRoom(ctx, at)
	if err == nil && missing > 0 {
		_, err = s.makeRoom(ctx, at)
	}
	if err == nil {
		err = s.loadSpans(ctx)
	}
	return err
}

// missingRoom returns how many of the partition that contains a time and the next partition are
// missing.
func (s *Store) missingRoom(ctx context.Context, at time.Time) (int, error) {
	var there int
	err := s.reads.QueryRow(ctx, `select count(*) from (
		select from trail_partitions as p join pg_class as c on c.oid = to_regclass(quote_ident(p.name)) and c.relispartition
		where p.ends > $1 order by p.ends limit 2) as t`, at).Scan(&there)
	return 2 - there, err
}

// spans are the partitions of the trail with lines, as far as they are known to this replica. They
// restrict statements to few partitions. Known facts stay true when partitions are added.
type spans struct {
	mu  sync.Mutex
	all []span // sorted by first
}

// between returns bounds of the times of the lines with the numbers first to last: from is not
// after their times, and to is after their times.
func (s *spans) between(first, last int64) (from, to time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, to = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, one := range s.all {
		switch {
		case one.first <= first:
			from = one.starts
		case one.first > last:
			return from, one.starts
		}
	}
	return from, to
}

func (s *spans) add(one span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.all); n == 0 || s.all[n-1].first < one.first {
		s.all = append(s.all, one)
	}
}

// loadSpans reads the partitions that have lines.
func (s *Store) loadSpans(ctx context.Context) error {
	rows, err := s.writes.Query(ctx, "select "+spanColumns+" from trail_partitions where first is not null order by first")
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, scanSpan)
	if err != nil {
		return err
	}
	s.spans.mu.Lock()
	defer s.spans.mu.Unlock()
	s.spans.all = slices.Clip(all)
	return nil
}
