package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
)

// ErrNoPartition is in the error if no partition of the trail has the name.
var ErrNoPartition = errors.New("no partition of the audit trail has this name")

// ErrNotShipped is in the error if a stream has not written all lines of a partition.
var ErrNotShipped = errors.New("a stream has not written all its records")

// Partition is a table with consecutive lines of the audit trail. It begins with a start record or
// a recovered record, so that it can be exported as a file and verified like a rotated file.
type Partition struct {
	// Name is the name of the table.
	Name string
	// Attached reports whether the partition still belongs to the trail. A detached partition is an
	// archive.
	Attached bool
	// Missing reports that the table is missing although the partition was not archived.
	Missing bool
	// Full reports that no more lines are added. It is set too if there are no lines, and lines go to
	// a later partition.
	Full bool
	// Starts and Ends are the bounds of the times of the lines.
	Starts, Ends time.Time
	// First and Last are the numbers of the first and last line, or 0 if there are no lines.
	First, Last uint64
	// From and To are the times of the first and the last line.
	From, To time.Time
}

// Partitions lists the partitions of the trail and its archives, oldest first.
func (s *Store) Partitions(ctx context.Context) ([]Partition, error) {
	// If a later partition has lines, no line is added to an earlier partition, because the times
	// of lines never decrease.
	const text = `select p.name, c.oid is null, coalesce(c.relispartition, false), p.starts, p.ends,
			coalesce(p.first, 0), coalesce(f.first - 1, 0)
		from trail_partitions as p
		left join pg_class as c on c.oid = to_regclass(quote_ident(p.name))
		left join lateral (select min(first) as first from trail_partitions where first > p.first) as f on true
		order by p.starts`
	if err := s.join(ctx); err != nil {
		return nil, s.failed(ctx, err)
	}
	rows, err := s.reads.Query(ctx, text)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	all, err := pgx.CollectRows(rows, scanPartition)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	var newest time.Time
	for _, p := range all {
		if p.First > 0 {
			newest = p.Starts
		}
	}
	for i := range all {
		all[i].Full = all[i].Full || all[i].First == 0 && !all[i].Ends.After(newest)
		if err := s.measure(ctx, &all[i]); err != nil {
			return nil, s.failed(ctx, err)
		}
	}
	return all, nil
}

func scanPartition(row pgx.CollectableRow) (p Partition, err error) {
	var first, last int64
	err = row.Scan(&p.Name, &p.Missing, &p.Attached, &p.Starts, &p.Ends, &first, &last)
	p.Starts, p.Ends, p.Full = p.Starts.UTC(), p.Ends.UTC(), last > 0
	p.First, p.Last = uint64(first), uint64(last) //nolint:gosec // Numbers of lines are above 0.
	return p, err
}

// measure reads the numbers and times of the lines of a partition.
func (s *Store) measure(ctx context.Context, p *Partition) error {
	if p.Missing || p.First == 0 {
		return nil
	}
	var last *int64
	var from, to *time.Time
	err := s.reads.QueryRow(ctx, fmt.Sprintf(`select (select max(seq) from %[1]s),
		(select at from %[1]s order by seq limit 1), (select at from %[1]s order by seq desc limit 1)`, s.name(p.Name))).Scan(&last, &from, &to)
	if err != nil || last == nil {
		return err
	}
	p.From, p.To = from.UTC(), to.UTC()
	if !p.Full {
		p.Last = uint64(*last) //nolint:gosec // as above
	}
	return nil
}

// Archive detaches a full partition from the trail, without blocking readers or writers. The table
// remains and can be exported until Drop. Archive fails with ErrNotShipped if a stream has not
// written all lines of the partition, unless unused names the stream. It may be repeated after a
// failure.
func (s *Store) Archive(ctx context.Context, name string, unused ...string) error {
	p, err := s.partition(ctx, name)
	switch {
	case err != nil:
		return err
	case !p.Full:
		return fmt.Errorf("%s is not full: lines are still added to it", name)
	case p.Missing:
		return fmt.Errorf("%s: its table is gone", name)
	}
	if p.Attached {
		if err = s.checkEmpty(ctx, p); err == nil {
			err = s.checkShipped(ctx, p, unused)
		}
		if err == nil {
			err = s.detach(ctx, name)
		}
	}
	if err == nil {
		// The partition's changes cannot be read any more. An earlier attempt may have ended before
		// this.
		err = s.forget(ctx, p.First, p.Last)
	}
	if errors.Is(err, ErrNotShipped) || errors.Is(err, errNotEmpty) {
		return err
	}
	return s.failed(ctx, err)
}

// errNotEmpty reports that a partition without a first line in trail_partitions has lines.
var errNotEmpty = errors.New("its row in trail_partitions names no first record")

// checkEmpty checks that a partition that is recorded as empty is empty.
func (s *Store) checkEmpty(ctx context.Context, p Partition) error {
	if p.First > 0 || p.Missing {
		return nil
	}
	var filled bool
	err := s.reads.QueryRow(ctx, "select exists (select from "+s.name(p.Name)+")").Scan(&filled)
	if err == nil && filled {
		err = fmt.Errorf("%s is not empty: %w", p.Name, errNotEmpty)
	}
	return err
}

// checkShipped checks that the streams have written all lines of a partition. unused are the streams
// that are not checked.
func (s *Store) checkShipped(ctx context.Context, p Partition, unused []string) error {
	var stream string
	var at int64
	err := s.reads.QueryRow(ctx, "select name, seq from streams where seq < $1 and name <> all($2) order by seq limit 1",
		int64(p.Last), append([]string{}, unused...)).Scan(&stream, &at) //nolint:gosec // It came from a bigint.
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%w: the stream %q has written the records up to %d, and %s ends with %d", ErrNotShipped, stream, at, p.Name, p.Last)
	}
	return err
}

// detach detaches a partition.
func (s *Store) detach(ctx context.Context, name string) error {
	conn, err := s.reads.Acquire(ctx)
	if err != nil {
		return err
	}
	// The connection has other timeouts than the pool.
	defer func() { _ = conn.Hijack().Close(ctx) }()
	// The detach waits for running readers of the trail, but blocks none.
	if _, err := conn.Exec(ctx, "select set_config('lock_timeout', '5min', false), set_config('statement_timeout', '5min', false)"); err != nil {
		return err
	}
	text := fmt.Sprintf("alter table %s detach partition %s ", s.name("trail"), s.name(name))
	_, err = conn.Exec(ctx, text+"concurrently")
	if code(err) == codePending {
		// An earlier attempt was interrupted.
		_, err = conn.Exec(ctx, text+"finalize")
	}
	return err
}

// Drop deletes the table of an archive.
func (s *Store) Drop(ctx context.Context, name string) error {
	p, err := s.partition(ctx, name)
	switch {
	case err != nil:
		return err
	case p.Attached || !p.Full:
		return fmt.Errorf("%s belongs to the trail: archive it first", name)
	}
	if err := s.checkEmpty(ctx, p); err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, s.reads, func(tx pgx.Tx) error {
		if !p.Missing {
			if _, err := tx.Exec(ctx, "drop table "+s.name(name)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "delete from trail_partitions where name = $1", name)
		return err
	})
	return s.failed(ctx, err)
}

func (s *Store) partition(ctx context.Context, name string) (Partition, error) {
	all, err := s.Partitions(ctx)
	if err != nil {
		return Partition{}, err
	}
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
	}
	return Partition{}, fmt.Errorf("%w: %q", ErrNoPartition, name)
}

// Export writes the lines of a partition or an archive, each with its line feed, and returns the
// content of the corresponding head file. audit.VerifyAfter accepts both together.
func (s *Store) Export(ctx context.Context, name string, w io.Writer) (head []byte, err error) {
	if _, err := s.partition(ctx, name); err != nil {
		return nil, err
	}
	h, err := scanHead(s.reads.QueryRow(ctx, headText, 0))
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	var last []byte
	out := bufio.NewWriter(w)
	err = s.lines(ctx, s.name(name), 0, func(line []byte) error {
		last = line
		_, _ = out.Write(line) // the next write, or Flush, returns the error again
		return out.WriteByte('\n')
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return nil, err
	}
	if last == nil {
		return nil, fmt.Errorf("%s holds no line", name)
	}
	at, ok := audit.PlaceOf(last)
	if !ok {
		return nil, fmt.Errorf("%s: its last line is not a line of the trail", name)
	}
	return audit.AppendHead(nil, at, h.chain, s.config.AuditKey), nil
}

// Verify verifies the trail in the database, including its end. after is the last line that was
// archived and verified elsewhere, or zero.
func (s *Store) Verify(ctx context.Context, after audit.Mark) (audit.Report, error) {
	if err := s.look(ctx); err != nil {
		return audit.Report{}, s.failed(ctx, err)
	}
	h, err := scanHead(s.reads.QueryRow(ctx, headText, 0))
	if err != nil {
		return audit.Report{}, s.failed(ctx, err)
	}
	reader, writer := io.Pipe()
	go func() {
		// The reader reads to the end, or closes the pipe.
		_ = writer.CloseWithError(s.copy(ctx, after.Seq, writer))
	}()
	defer func() { _ = reader.Close() }()
	return audit.VerifyLines(ctx, audit.Lines{
		Name: s.config.Schema + ".trail", Reader: reader, After: after, Last: &h.line, Origin: h.chain,
	}, s.config.AuditKey)
}

// copy writes the lines of the trail after a number, each with its line feed.
func (s *Store) copy(ctx context.Context, after uint64, w io.Writer) error {
	out := bufio.NewWriter(w)
	err := s.Trail(ctx, after, func(line []byte) error {
		_, _ = out.Write(line) // as in Export
		return out.WriteByte('\n')
	})
	return errors.Join(err, out.Flush())
}
