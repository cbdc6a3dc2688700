package postgres

import (
	"errors"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// shortPart is the part of the time limit, as its divisor, that calls have during
	// an outage: their callers are told soon.
	shortPart = 8
	// probeInterval is how often a server that does not answer is asked again.
	probeInterval = 250 * time.Millisecond
)

// outage is a time in which the server does not answer.
type outage struct{ on atomic.Bool }

func (o *outage) over() { o.on.Store(false) }

// patience is how long a call waits for the server.
func (s *Store) patience() time.Duration {
	if s.outage.on.Load() {
		return s.config.Timeout / shortPart
	}
	return s.config.Timeout
}

// silent notes that the server did not answer a call in time. Until it answers again
// it is asked in the background, with the whole time limit, so that a slow one is
// not taken for one that is away.
func (s *Store) silent(err error) {
	if _, known := errors.AsType[*fault.Error](err); known || answered(err) || !passing(err) || s.config.Inspect || s.outage.on.Swap(true) {
		return
	}
	s.probing.Lock()
	defer s.probing.Unlock()
	if s.life.Err() != nil {
		return
	}
	s.housekeeping.Go(func() {
		for s.outage.on.Load() && s.life.Err() == nil {
			if s.look(s.life) == nil {
				s.outage.over()
				return
			}
			timer := time.NewTimer(probeInterval)
			select {
			case <-timer.C:
			case <-s.life.Done():
			}
			timer.Stop()
		}
	})
}
