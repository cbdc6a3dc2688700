package file

import (
	"context"
	"errors"
	"io"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

// recordLocation is where the entry of a record is in the log.
type recordLocation struct {
	segment uint64
	offset  uint32
}

// fetched are records that were read from the log, and those that are to be.
type fetched struct {
	found   map[recordLocation]store.Record
	missing []located
	// gone counts how often a segment was not there any more.
	gone int
}

// located is a record that has to be read from the log.
type located struct {
	recordLocation

	key    string
	length uint32
}

// mostGone is how often a record is looked up again because its segment was given
// up meanwhile.
const mostGone = 3

// lookUp finds a durable record, or notes where it has to be read from. mu is held.
func (s *Store) lookUp(found map[string]store.Record, read *fetched, key string, now int64) {
	value, segment, p, ok := s.records.find(key, now)
	if !ok {
		return
	}
	if p.length == 0 {
		found[key] = record(value, 0)
		return
	}
	at := recordLocation{segment, p.offset}
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
			read.gone++ // its segment was given up, so it has expired
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

// failed is the fault of an error.
func (s *Store) failed(err error) error {
	if _, one := errors.AsType[damaged](err); one {
		s.damages.Add(1)
		return store.Damaged(err)
	}
	return store.Unavailable(err)
}

// Get returns those of the records that exist and have not expired. What a commit
// changes that is not durable yet is not in it. It does not wait for the disk of
// the log while that hangs, unless the records are there alone.
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

// Scan does as store.Store says. It visits the records as they were when it began,
// but for those that are deleted meanwhile.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(key string, r store.Record) error) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	s.mu.Lock()
	closed := s.closed
	keys := s.records.keys(prefix)
	s.mu.Unlock()
	if closed {
		return store.Unavailable(store.ErrClosed)
	}
	for _, key := range keys {
		s.mu.Lock()
		value, exists := s.records.lasting[key]
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

// Events returns none: only one process uses the store, so nobody has anything to
// tell.
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
