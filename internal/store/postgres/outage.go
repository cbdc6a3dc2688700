package postgres

import (
	"errors"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// shortPart is the divisor of the time limit of calls during an outage, so that calls fail
	// quickly.
	shortPart = 8
	// probeInterval is the interval of probes of a silent server.
	probeInterval = 250 * time.Millisecond
)

// outage reports whether the server is silent.
type outage struct{ on atomic.Bool }

func (o *outage) over() { o.on.Store(false) }

// patience returns the time that a call waits for the server.
func (s *Store) patience() time.Duration {
	if s.outage.on.Load() {
		return s.config.Timeout / shortPart
	}
	return s.config.Timeout
}

// silent records that the server did not respond to a call in time. A goroutine then probes the
// server until it responds, with the whole time limit, so that a slow server is not mistaken for an
// unavailable server.
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
