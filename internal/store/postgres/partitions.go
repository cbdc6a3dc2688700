package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// partitionPrefix begins the name of a partition of the trail. The number of its
// first line follows.
const partitionPrefix = "trail_"

// makePartitions makes the partitions of the trail that hold the lines with the
// numbers from and to and those in between, and the one after it, where they are
// missing. They are attached, which leaves those who read and write the trail alone.
func (s *Store) makePartitions(ctx context.Context, tx pgx.Tx, from, to, size int64) error {
	for part := (from - 1) / size; part <= (to-1)/size+1; part++ {
		first, next := part*size+1, (part+1)*size+1
		name := partitionPrefix + strconv.FormatInt(first, 10)
		var there bool
		if err := tx.QueryRow(ctx, "select to_regclass($1) is not null", s.name(name)).Scan(&there); err != nil {
			return err
		}
		if there {
			continue
		}
		for _, text := range []string{
			fmt.Sprintf("create table %s (like trail including all, check (seq >= %d and seq < %d))", s.name(name), first, next),
			fmt.Sprintf("alter table trail attach partition %s for values from (%d) to (%d)", s.name(name), first, next),
		} {
			if _, err := tx.Exec(ctx, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// extendTrail makes room for a number of lines behind seq.
func (s *Store) extendTrail(ctx context.Context, seq, lines, size int64) error {
	return pgx.BeginFunc(ctx, s.writes, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", s.lockKey("schema")); err != nil {
			return err
		}
		// Each partition takes a line more than the commit has.
		return s.makePartitions(ctx, tx, seq+1, seq+lines+lines/(size-1)+2, size)
	})
}
