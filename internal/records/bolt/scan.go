package bolt

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	// pageEntries and pageBytes bound what a scan holds at once.
	pageEntries = 128
	pageBytes   = 4 << 20
)

type record struct {
	key   string
	entry records.Entry
}

// Scan does as records.Store says. It reads some records at a time and calls
// visit in between, so visit may use the store, and what changes meanwhile is
// seen or not.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(key string, e records.Entry) error) error {
	for from := []byte(prefix); from != nil; {
		page, next, err := s.page([]byte(prefix), from)
		if err != nil {
			return err
		}
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

// page reads the records from a key on. next is nil at the end.
func (s *Store) page(prefix, from []byte) (page []record, next []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		size := 0
		c := tableOf(tx).lasting.Cursor()
		for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if len(page) == pageEntries || size >= pageBytes {
				next = bytes.Clone(k)
				return nil
			}
			size += len(v)
			page = append(page, record{key: string(k), entry: records.Entry{Value: bytes.Clone(v)}})
		}
		return nil
	})
	if err != nil {
		return nil, nil, records.Unavailable(err)
	}
	return page, next, nil
}
