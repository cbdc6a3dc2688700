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
	// pageRows and pageBytes bound what a scan holds in memory.
	pageRows  = 500
	pageBytes = 4 << 20
)

// errVisit wraps the error of a visitor.
var errVisit = errors.New("the visitor ended the reading")

// Get does as store.Store says.
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
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	names := make([][]byte, len(keys))
	for i, key := range keys {
		names[i] = []byte(key)
	}
	var found map[string]store.Record
	err := s.read(limited, func(batch *pgx.Batch) { batch.Queue(recordsText, names) }, func(results pgx.BatchResults) (err error) {
		found, err = scanRecords(results.Query())
		return err
	})
	return found, s.failed(ctx, err)
}

// usable returns why nothing can be asked any more, if so.
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

// Scan does as store.Store says. It reads page by page, so records that change
// meanwhile are visited as they are then.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(key string, r store.Record) error) error {
	// The sizes before a row are summed up by the server, which does not read the
	// values for it.
	const text = `select key, value from (
		select key, value, sum(octet_length(value)) over (order by key) - octet_length(value) as before from (
			select key, value from records
			where expires_at is null and key >= $1 and (not $2 or key > $3) and ($4::bytea is null or key < $4)
			order by key limit $5
		) as page
	) as sized where before < $6 order by key`
	from, to := []byte(prefix), behind(prefix)
	var after []byte
	for {
		if err := s.usable(ctx); err != nil {
			return err
		}
		var page []keyedValue
		err := s.page(ctx, func(batch *pgx.Batch) {
			batch.Queue(text, from, after != nil, notNil(after), to, pageRows, pageBytes)
		}, func(results pgx.BatchResults) (err error) {
			page, err = scanPage(results.Query())
			return err
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
		after = []byte(page[len(page)-1].key)
	}
}

func scanPage(rows pgx.Rows, err error) (page []keyedValue, _ error) {
	if err != nil {
		return nil, err
	}
	var key, value []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		page = append(page, keyedValue{key: string(key), value: value})
		value = nil // The page keeps it.
		return nil
	})
	return page, err
}

// page reads a page.
func (s *Store) page(ctx context.Context, ask func(*pgx.Batch), take func(pgx.BatchResults) error) error {
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.failed(ctx, s.read(limited, ask, take))
}

// behind is the first key behind all that begin with prefix, nil where there is
// none.
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

// Trail does as store.Store says. It reads page by page, so lines that are added
// meanwhile are visited too.
func (s *Store) Trail(ctx context.Context, after uint64, visit func(line []byte) error) error {
	return s.lines(ctx, "trail", after, visit)
}

// lines visits those of a table, which is the trail or a partition of it.
func (s *Store) lines(ctx context.Context, table string, after uint64, visit func(line []byte) error) error {
	text := "select seq, line from " + table + " where seq > $1 order by seq limit $2"
	at := int64(min(after, 1<<63-1))
	for {
		if err := s.usable(ctx); err != nil {
			return err
		}
		var page []string
		var last int64
		err := s.page(ctx, func(batch *pgx.Batch) { batch.Queue(text, at, pageRows) }, func(results pgx.BatchResults) error {
			page = page[:0]
			rows, err := results.Query()
			if err != nil {
				return err
			}
			var line string
			_, err = pgx.ForEachRow(rows, []any{&last, &line}, func() error {
				page = append(page, line)
				return nil
			})
			return err
		})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		at = last
		for _, line := range page {
			if err := visit([]byte(line)); err != nil {
				return err
			}
		}
	}
}

// Events does as store.Store says. A position is the number and the mark of an
// event, which is the last one that its reader knows of.
func (s *Store) Events(ctx context.Context, topic string, after store.Position) (events [][]byte, now store.Position, complete bool, err error) {
	// All of it is one statement, so that it sees one state.
	const text = `select h.event, h.event_mark, c.complete, e.data
	from (select event, event_mark from receipts where commit is not null order by commit desc limit 1) as h
	cross join lateral (
		select (h.event = $2 and h.event_mark = $3) or exists (select from events where id = $2 and mark = $3) as complete
	) as c
	left join events as e on c.complete and e.topic = $1 and e.id > $2
	order by e.id`
	if err := s.usable(ctx); err != nil {
		return nil, "", false, err
	}
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	id, last := parsePosition(after)
	err = s.read(limited, func(batch *pgx.Batch) { batch.Queue(text, topic, id, last) }, func(results pgx.BatchResults) error {
		events = nil
		rows, err := results.Query()
		if err != nil {
			return err
		}
		var data []byte
		_, err = pgx.ForEachRow(rows, []any{&id, &last, &complete, &data}, func() error {
			if data != nil {
				events = append(events, data)
			}
			data = nil // The event keeps it.
			return nil
		})
		return err
	})
	if err != nil {
		return nil, after, false, s.failed(ctx, err)
	}
	return events, formatPosition(id, last), complete, nil
}

func formatPosition(id int64, last mark) store.Position {
	return store.Position(fmt.Sprintf("%d %x", id, last[:]))
}

// parsePosition reads a position. One that it cannot read is that of no event.
func parsePosition(p store.Position) (id int64, last mark) {
	var text []byte
	if n, err := fmt.Sscanf(string(p), "%d %x", &id, &text); err != nil || n != 2 || len(text) != len(last) {
		return -1, mark{}
	}
	copy(last[:], text)
	return id, last
}
