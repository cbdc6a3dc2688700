package bolt

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	// pageEntries and pageBytes bound what a scan holds at once of the file.
	pageEntries = 128
	pageBytes   = 4 << 20
)

type record struct {
	key   string
	entry records.Entry
	// hidden says that a scan passes over it, and over its key in the file.
	hidden bool
}

// Scan does as records.Store says. It reads what is recent, then some records
// of the file at a time, and calls visit in between, so visit may use the
// store, and what changes meanwhile is seen or not.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(key string, e records.Entry) error) error {
	recent, err := s.recent.behind(prefix)
	if err != nil {
		return records.Unavailable(err)
	}
	for from := []byte(prefix); from != nil; {
		page, next, err := s.page([]byte(prefix), from)
		if err != nil {
			return s.failed(err)
		}
		page, recent = merge(page, recent, next)
		for _, r := range page {
			if err := ctx.Err(); err != nil {
				return fault.From(err)
			}
			if err := visit(r.key, r.entry); err != nil {
				return err
			}
		}
		from = next
	}
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	return nil
}

// behind returns what is recent of the keys behind a prefix, in their order.
func (r *recent) behind(prefix string) ([]record, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return nil, records.ErrClosed
	}
	var found []record
	for _, m := range []memory{r.active, r.frozen} {
		for key, i := range m {
			if strings.HasPrefix(key, prefix) {
				found = append(found, record{key: key, entry: records.Entry{Value: i.kept}, hidden: i.gone || i.end != 0})
			}
		}
	}
	// Stable, so that of two with a key the active one is first.
	slices.SortStableFunc(found, func(a, b record) int { return strings.Compare(a.key, b.key) })
	return slices.CompactFunc(found, func(a, b record) bool { return a.key == b.key }), nil
}

// merge puts what is recent before next, nil for no end, into a page of the
// file, in order and without what is hidden. It returns the recent rest too.
func merge(page, recent []record, next []byte) (merged, rest []record) {
	n := len(recent)
	if next != nil {
		n, _ = slices.BinarySearchFunc(recent, string(next), func(r record, key string) int { return strings.Compare(r.key, key) })
	}
	for _, r := range recent[:n] {
		for len(page) > 0 && page[0].key < r.key {
			merged, page = append(merged, page[0]), page[1:]
		}
		if len(page) > 0 && page[0].key == r.key {
			page = page[1:]
		}
		if !r.hidden {
			r.entry.Value = bytes.Clone(r.entry.Value)
			merged = append(merged, r)
		}
	}
	return append(merged, page...), recent[n:]
}

// page reads the records of the file from a key on. next is nil at the end.
func (s *Store) page(prefix, from []byte) (page []record, next []byte, err error) {
	err = s.file.read(func(t *table) error {
		size := 0
		c := t.lasting.Cursor()
		for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if len(page) == pageEntries || size >= pageBytes {
				next = bytes.Clone(k)
				return nil
			}
			size += len(v)
			value, _, whole := t.seal.open(k, bytes.Clone(v))
			if !whole {
				return damaged{key: string(k)}
			}
			page = append(page, record{key: string(k), entry: records.Entry{Value: value}})
		}
		return nil
	})
	return page, next, err
}
