package file

import (
	"context"
	"errors"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

var (
	errHung = errors.New("a write to the log does not return")
	errKind = errors.New("a line of the trail must be an intent, an outcome, an alarm, a denial or a reload")
)

// Commit implements store.Store. If ctx ends while the commit waits, Commit returns the error of
// ctx, and the commit may or may not happen. If a write fails, all commits of the same write fail,
// even if their decide returned an error, because decide may have read state that was not written.
// decide must not use the store.
func (s *Store) Commit(ctx context.Context, keys []string, decide store.Decide, _ ...store.Lazy) error {
	if err := store.CheckKeys(keys); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	g, result, err := s.join(keys, decide)
	switch {
	case err != nil:
		return err
	case g == nil:
		return result
	}
	s.nudge()
	select {
	case <-g.done:
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
	if g.err != nil {
		return g.err
	}
	return result
}

// join calls decide and adds the changes to the open group. The commit must wait for the returned
// group; g is nil if the commit changes nothing and read only durable state. result is the error of
// decide.
func (s *Store) join(keys []string, decide store.Decide) (g *group, result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, rests, err := s.now(keys)
	if err != nil {
		return nil, nil, err
	}
	changes, result := decide(now)
	if result == nil {
		result = check(keys, changes)
	}
	if result == nil {
		result = s.admit(changes.Lines)
	}
	if result != nil || len(changes.Records) == 0 && len(changes.Lines) == 0 {
		return rests, result, nil
	}
	g = s.group()
	g.add(changes.Records, s.sealer)
	for i := range changes.Lines {
		if err := g.line(s.chain, changes.Lines[i], s.c.Now()); err != nil {
			return nil, nil, fault.From(err) // check rejects such lines
		}
	}
	return g, nil, nil
}

func check(keys []string, changes store.Changes) error {
	if err := store.CheckChanges(keys, changes.Records); err != nil {
		return err
	}
	for i := range changes.Lines {
		switch changes.Lines[i].Kind {
		case audit.KindIntent, audit.KindOutcome, audit.KindAlarm, audit.KindDenial, audit.KindReload:
		default:
			return fault.From(errKind)
		}
	}
	return nil
}

// now reads the records at keys, including pending changes. rests is the group on which the result
// depends, or nil if all is durable. mu is held, and is released while records are read from the
// log.
func (s *Store) now(keys []string) (found map[string]store.Record, rests *group, err error) {
	var read fetched
	for {
		if err := s.refusal(); err != nil {
			return nil, nil, err
		}
		found, rests = make(map[string]store.Record, len(keys)), nil
		at := s.c.Now().UnixMilli()
		for _, key := range keys {
			p, g := s.pending(key)
			if g == nil {
				s.lookUp(found, &read, key, at)
				continue
			}
			if rests == nil || g == s.open {
				rests = g
			}
			if !p.deleted && (p.expires == 0 || p.expires > at) {
				found[key] = record(p.value, p.expires)
			}
		}
		if len(read.missing) == 0 {
			return found, rests, nil
		}
		s.mu.Unlock()
		err := s.fetch(&read)
		s.mu.Lock()
		if err != nil {
			return nil, nil, s.failed(err)
		}
	}
}

// pending returns the newest pending change of a key and its group, or nil if there is none. mu is
// held.
func (s *Store) pending(key string) (*pending, *group) {
	if p, changed := s.open.current(key); changed {
		return p, s.open
	}
	if p, changed := s.writing.current(key); changed {
		return p, s.writing
	}
	return nil, nil
}
