package fileindex

import (
	"context"
	"math"

	"platform.internal/storekeeper/internal/audit"
)

// mostFiles is the maximum number of open segment files. Other files are opened for each read.
const mostFiles = 256

// openNewest opens the files of the newest segments and closes others. The caller holds mu.
func (x *Index) openNewest() {
	for n, s := range x.segments {
		switch {
		case n < len(x.segments)-mostFiles:
			s.close()
		case s.file == nil:
			_ = s.keepOpen() // read tries again, and tells
		}
	}
}

// Rows returns the changes with a key and a position below before, newest first, at most limit. before 0
// means the end of the index.
func (x *Index) Rows(ctx context.Context, k audit.Key, before uint64, limit int) ([]audit.Row, error) {
	if before == 0 {
		before = math.MaxUint64
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	rows := x.memory.appendRows(nil, k, before, limit)
	for n := len(x.segments) - 1; n >= 0 && len(rows) < limit; n-- {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if x.segments[n].first >= before {
			continue
		}
		start := len(rows)
		err := x.segments[n].read(func(o opened) (err error) {
			rows, err = o.appendRows(rows, k, before, limit)
			return err
		})
		if err == nil {
			err = x.crossed(rows[start:], n)
		}
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// crossed sets the outcomes of changes that ended in a later segment than n. The caller holds mu.
func (x *Index) crossed(rows []audit.Row, n int) error {
	for i := range rows {
		r := &rows[i]
		if r.Outcome.Seq != 0 || x.open.bySeq[r.Intent.Seq] != nil {
			continue
		}
		if at, ok := x.memory.crossed[r.Intent.Seq]; ok {
			r.Outcome = x.memory.rows[at].outcome
			continue
		}
		for _, s := range x.segments[n+1:] {
			err := s.read(func(o opened) (err error) {
				r.Outcome, err = o.crossed(r.Intent.Seq)
				return err
			})
			if err != nil {
				return err
			}
			if r.Outcome.Seq != 0 {
				break
			}
		}
	}
	return nil
}

// Close closes the files. A running Build continues until its context ends.
func (x *Index) Close() error {
	x.one <- struct{}{}
	defer func() { <-x.one }()
	x.tail.close()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.segments {
		s.close()
	}
	return nil
}

// Lines reads lines without line feeds. A line that was removed from the files, or is damaged, is nil.
func (x *Index) Lines(ctx context.Context, at []audit.Location) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := files{path: x.c.Path, paths: x.c.Paths, firsts: map[string]uint64{}}
	lines, err := f.read(at)
	if f.missed {
		x.missed.Store(true)
	}
	return lines, err
}
