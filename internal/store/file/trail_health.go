package file

import (
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

var errTrailHung = errors.New("a write to the audit trail does not return")

// health is whether the lines of the log reach the trail. Only the goroutine of
// the trail changes it.
type health struct {
	// failure is why they did not when it was tried last.
	failure atomic.Pointer[error]
	// began is when the write or sync under way began, as the time since start, and 0
	// where none is.
	began atomic.Int64
	start time.Time
}

// begin notes that a write or a sync may take time from now on.
func (h *health) begin() { h.began.Store(int64(time.Since(h.start))) }

func (h *health) end() { h.began.Store(0) }

func (h *health) ill() bool { return h.failure.Load() != nil }

// tell notes how a step ended, and logs what is new.
func (h *health) tell(err error, logger *zap.Logger) {
	was := h.ill()
	switch {
	case err == nil && was:
		h.failure.Store(nil)
		logger.Info("the audit trail can be written again")
	case err != nil:
		h.failure.Store(&err)
		if !was {
			logger.Error("the audit trail cannot be written: changes are refused, and lines wait in the log", zap.Error(err))
		}
	}
}

// err is why lines do not reach the trail, nil where they do. most is how long a
// write may take.
func (h *health) err(most time.Duration) error {
	if failure := h.failure.Load(); failure != nil {
		return *failure
	}
	if began := h.began.Load(); began != 0 && time.Since(h.start)-time.Duration(began) > most {
		return errTrailHung
	}
	return nil
}

// TrailHealthy returns nil, or why lines of commits do not reach the trail now and
// wait in the log. Commits with an intent or a denial are refused then.
func (s *Store) TrailHealthy() error { return s.trail.health.err(s.c.MaxWait) }

// admit refuses what is begun while its lines would not reach the trail. What has
// begun may end.
func (s *Store) admit(lines []audit.Record) error {
	for i := range lines {
		if kind := lines[i].Kind; kind == audit.KindIntent || kind == audit.KindDenial {
			if err := s.TrailHealthy(); err != nil {
				return store.Unavailable(err)
			}
			return nil
		}
	}
	return nil
}
