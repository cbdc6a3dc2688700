package file

import (
	"context"
	"errors"
	"io"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

// recordLocation is the location of a record's entry in the log.
type recordLocation struct {
	segment uint64
	offset  uint32
}

// fetched holds records read from the log, and records still to be read.
type fetched struct {
	found   map[recordLocation]store.Record
	missing []located
	// gone counts reads of removed segments.
	gone int
}

// located is a record that must be read from the log.
type located struct {
	recordLocation

	key    string
	length uint32
}

// mostGone is the maximum number of retries if a record's segment is removed between the lookup and
// the read.
const mostGone = 3

// lookUp finds a durable record, or records its location for a read. mu is held.
func (s *Store) lookUp(found map[string]store.Record, read *fetched, key string, now int64) {
	value, p, ok := s.records.find(key, now)
	if !ok {
		return
	}
	if p.length == 0 {
		found[key] = record(value, 0)
		return
	}
	at := recordLocation{p.segment, p.offset}
	if r, known := read.found[at]; known {
		found[key] = r
		return
	}
	read.missing = append(read.missing, located{at, key, p.length})
}

// fetch reads the missing records from the log.
func (s *Store) fetch(read *fetched) error {
	if read.found == nil {
		read.found = map[recordLocation]store.Record{}
	}
	seal := newSealer(s.sealing)
	for _, m := range read.missing {
		text := make([]byte, m.length)
		err := s.log.ReadAt(text, m.segment, int64(m.offset))
		if errors.Is(err, io.EOF) && read.gone < mostGone {
			read.gone++ // the segment was removed, so the record has expired
			continue
		}
		if err != nil {
			return err
		}
		value, expires, whole := seal.open(text, m.key)
		if !whole {
			return damaged{m.key}
		}
		read.found[m.recordLocation] = record(value, expires)
	}
	read.missing = read.missing[:0]
	return nil
}

// failed converts an error to a fault.
func (s *Store) failed(err error) error {
	if _, one := errors.AsType[damaged](err); one {
		s.damages.Add(1)
		return store.Damaged(err)
	}
	return store.Unavailable(err)
}

// Get returns the existing records that have not expired, without pending changes. Get does not
// wait for a hanging log disk unless a record must be read from the log.
func (s *Store) Get(ctx context.Context, keys ...string) (map[string]store.Record, error) {
	if err := store.CheckKeys(keys); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	var read fetched
	for {
		found := make(map[string]store.Record, len(keys))
		now := s.c.Now().UnixMilli()
		s.mu.Lock()
		closed := s.closed
		for _, key := range keys {
			s.lookUp(found, &read, key, now)
		}
		s.mu.Unlock()
		if closed {
			return nil, store.Unavailable(store.ErrClosed)
		}
		if len(read.missing) == 0 {
			return found, nil
		}
		if err := s.fetch(&read); err != nil {
			return nil, s.failed(err)
		}
	}
}

// Scan implements store.Store. It visits the records as of its begin, except for records that are
// deleted during the scan.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(key string, r store.Record) error) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	s.mu.Lock()
	closed := s.closed
	keys := s.records.lasting.keys(prefix)
	s.mu.Unlock()
	if closed {
		return store.Unavailable(store.ErrClosed)
	}
	for _, key := range keys {
		s.mu.Lock()
		value, exists := s.records.lasting.get(key)
		s.mu.Unlock()
		if !exists {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fault.From(err)
		}
		if err := visit(key, record(value, 0)); err != nil {
			return err
		}
	}
	return nil
}

// Events returns no events: only one process uses the store.
func (s *Store) Events(ctx context.Context, _ string, after store.Position) (events [][]byte, now store.Position, complete bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, after, false, fault.From(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, after, false, store.Unavailable(store.ErrClosed)
	}
	return nil, "0", after != "", nil
}
