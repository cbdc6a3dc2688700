package postgres

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

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
