package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

const (
	// pageRows and pageBytes limit the memory of a scan.
	pageRows  = 500
	pageBytes = 4 << 20
)

// errVisit wraps the error of a visitor.
var errVisit = errors.New("the visitor ended the reading")

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...string) (map[string]store.Record, error) {
	if err := store.CheckKeys(keys); err != nil {
		return nil, err
	}
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return map[string]store.Record{}, nil
	}
	limited, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	names := make([][]byte, len(keys))
	for i, key := range keys {
		names[i] = []byte(key)
	}
	var found map[string]store.Record
	err := s.read(limited, func(ctx context.Context, before point) (h lastCommit, err error) {
		h, found, err = scanRecords(s.reads.Query(ctx, readText, before.Commit, names))
		return h, err
	})
	return found, s.failed(ctx, err)
}

// usable returns the reason why no query can be made any more, or nil.
func (s *Store) usable(ctx context.Context) error {
	if err := ended(ctx); err != nil {
		return fault.From(err)
	}
	if s.closing.Load() {
		return store.Unavailable(store.ErrClosed)
	}
	return nil
}

// keyedValue is a record with its key.
type keyedValue struct {
	key   string
	value []byte
}

// Scan implements store.Store. It reads page by page, so that a record that changes during the scan
// is visited in its state at that time.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(key string, r store.Record) error) error {
	// The server sums up the sizes of the preceding values without reading the values.
	const text = withHead + `select key, value from (
		select key, value, sum(octet_length(value)) over (order by key) - octet_length(value) as before from (
			select key, value from records
			where expires_at is null and key >= $2 and (not $3 or key > $4) and ($5::bytea is null or key < $5)
			order by key limit $6
		) as page
	) as sized where before < $7) as f on true order by f.key`
	from, to := []byte(prefix), behind(prefix)
	var after []byte
	for {
		if err := s.usable(ctx); err != nil {
			return err
		}
		var page []keyedValue
		err := s.page(ctx, func(ctx context.Context, before point) (h lastCommit, err error) {
			h, page, err = scanPage(s.reads.Query(ctx, text, before.Commit, from, after != nil, notNil(after), to, pageRows, pageBytes))
			return h, err
		})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		for _, e := range page {
			if err := visit(e.key, store.Record{Value: e.value}); err != nil {
				return err
			}
		}
		if !cut(page) {
			return nil
		}
		after = []byte(page[len(page)-1].key)
	}
}

// cut reports whether there may be records after a page.
func cut(page []keyedValue) bool {
	bytes := 0
	for _, e := range page {
		bytes += len(e.value)
	}
	return len(page) == pageRows || bytes >= pageBytes
}

func scanPage(rows pgx.Rows, err error) (h lastCommit, page []keyedValue, _ error) {
	if err != nil {
		return h, nil, err
	}
	scan := headScan{}
	var key, value []byte
	h, err = scan.each(rows, []any{&key, &value}, func() {
		if key != nil {
			page = append(page, keyedValue{key: string(key), value: value})
		}
		value = nil // the page holds the value
	})
	return h, page, err
}

// page reads a page.
func (s *Store) page(ctx context.Context, ask question) error {
	limited, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	return s.failed(ctx, s.read(limited, ask))
}

// behind returns the first key after all keys with the prefix, or nil if there is none.
func behind(prefix string) []byte {
	end := []byte(prefix)
	for len(end) > 0 {
		if end[len(end)-1] < 0xff {
			end[len(end)-1]++
			return end
		}
		end = end[:len(end)-1]
	}
	return nil
}

// Trail implements store.Store. It reads page by page, so that lines added during the read are
// visited too.
func (s *Store) Trail(ctx context.Context, after uint64, visit func(line []byte) error) error {
	return s.lines(ctx, "trail", after, visit)
}

// lines visits the lines of a table, which is the trail or a partition. It reads ranges of numbers,
// each within one or two partitions: without the times, each page would search all partitions. If a
// range is empty because its partition was archived, lines continues with the next existing line.
func (s *Store) lines(ctx context.Context, table string, after uint64, visit func(line []byte) error) error {
	at := int64(min(after, 1<<63-1-pageRows))
	for whole := false; ; {
		if err := s.usable(ctx); err != nil {
			return err
		}
		upTo := at + pageRows
		if whole {
			upTo = 1<<63 - 1
		}
		page, end, err := s.linePage(ctx, table, at, upTo)
		if err != nil {
			return err
		}
		for _, one := range page {
			at = one.seq
			if err := visit([]byte(one.line)); err != nil {
				return err
			}
		}
		if at >= end || whole && len(page) == 0 {
			return nil
		}
		whole = len(page) == 0
	}
}

// numberedLine is a line of the trail with its number.
type numberedLine struct {
	seq  int64
	line string
}

// linePage reads the first lines of a table with numbers above at and up to upTo, and the number of
// the last line of the trail.
func (s *Store) linePage(ctx context.Context, table string, at, upTo int64) (page []numberedLine, end int64, err error) {
	text := withHead + "select seq, line from " + table + " where seq > $2 and seq <= $3 and at >= $4 and at < $5 order by seq limit $6) as f on true order by f.seq"
	err = s.page(ctx, func(ctx context.Context, before point) (h lastCommit, err error) {
		page = page[:0]
		from, to := s.spans.between(at+1, upTo)
		rows, err := s.reads.Query(ctx, text, before.Commit, at, upTo, from, to, pageRows)
		if err != nil {
			return h, err
		}
		scan := headScan{}
		var seq *int64
		var line *string
		h, err = scan.each(rows, []any{&seq, &line}, func() {
			if seq != nil {
				page = append(page, numberedLine{*seq, *line})
			}
		})
		end = int64(h.line.Seq()) //nolint:gosec // It came from a bigint.
		return h, err
	})
	return page, end, err
}

// Events implements store.Store. A position is the number and the mark of the last event that its
// reader knows.
func (s *Store) Events(ctx context.Context, topic string, after store.Position) (events [][]byte, now store.Position, complete bool, err error) {
	// A single statement, so that all parts see the same state.
	const text = `select h.*, c.complete, e.data
	from (` + headText + `) as h (` + headColumns + `)
	cross join lateral (
		select (h.event = $3 and h.event_mark = $4) or exists (select from events where id = $3 and mark = $4) as complete
	) as c
	left join events as e on c.complete and e.topic = $2 and e.id > $3
	order by e.id`
	if err := s.usable(ctx); err != nil {
		return nil, "", false, err
	}
	limited, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	id, last := parsePosition(after)
	var reached lastCommit
	err = s.read(limited, func(ctx context.Context, before point) (h lastCommit, err error) {
		events = nil
		rows, err := s.reads.Query(ctx, text, before.Commit, topic, id, last)
		if err != nil {
			return h, err
		}
		scan := headScan{}
		var data []byte
		reached, err = scan.each(rows, []any{&complete, &data}, func() {
			if data != nil {
				events = append(events, data)
			}
			data = nil // the event holds the data
		})
		return reached, err
	})
	if err != nil {
		return nil, after, false, s.failed(ctx, err)
	}
	return events, formatPosition(reached.event, reached.eventMark), complete, nil
}

func formatPosition(id int64, last mark) store.Position {
	return store.Position(fmt.Sprintf("%d %x", id, last[:]))
}

// parsePosition parses a position. An invalid position gives the number of no event.
func parsePosition(p store.Position) (id int64, last mark) {
	var text []byte
	if n, err := fmt.Sscanf(string(p), "%d %x", &id, &text); err != nil || n != 2 || len(text) != len(last) {
		return -1, mark{}
	}
	copy(last[:], text)
	return id, last
}
