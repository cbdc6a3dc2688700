package bolt

import (
	"maps"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/records"
)

// recent is what the journal holds and the file does not yet. Only the writer
// changes it.
type recent struct {
	mu sync.RWMutex
	// active takes what is written now; frozen is being put into the file.
	active, frozen memory
	closed         bool
}

// item is what has become of a record, where it is recent.
func (r *recent) item(key string) (item, bool) {
	if i, ok := r.active[key]; ok {
		return i, true
	}
	i, ok := r.frozen[key]
	return i, ok
}

// add takes what is durable now.
func (r *recent) add(m memory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.active, m)
}

// freeze begins a new active one. Nothing may be frozen.
func (r *recent) freeze() memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen, r.active = r.active, make(memory, len(r.active))
	return r.frozen
}

// thaw forgets what is in the file by now.
func (r *recent) thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = nil
}

// close ends the reading of it.
func (r *recent) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active, r.frozen, r.closed = nil, nil, true
}

// look puts what is recent of some records into found, and returns the keys of
// the others with a transaction that sees the file as it was at this moment. It
// is nil where there are no others.
func (s *Store) look(keys []string, found map[string]records.Entry) (others []string, tx *bbolt.Tx, err error) {
	at := time.Now()
	s.recent.mu.RLock()
	defer s.recent.mu.RUnlock()
	if s.recent.closed {
		return nil, nil, records.ErrClosed
	}
	for _, key := range keys {
		i, ok := s.recent.item(key)
		if !ok {
			others = append(others, key)
		} else if e, exists := i.entry(at); exists {
			found[key] = e
		}
	}
	if len(others) > 0 {
		// Under the lock: what leaves the memory is in the file before.
		tx, err = s.file.begin()
	}
	return others, tx, err
}

// read returns those of the records that exist, all as of one moment.
func (s *Store) read(keys []string) (found map[string]records.Entry, err error) {
	found = make(map[string]records.Entry, len(keys))
	others, tx, err := s.look(keys, found)
	if err != nil || tx == nil {
		return found, err
	}
	err = s.file.view(tx, func(t *table) error {
		at := time.Now()
		for _, key := range others {
			e, ok, err := t.read(key, at)
			if err != nil {
				return err
			}
			if ok {
				found[key] = e
			}
		}
		return nil
	})
	return found, err
}
