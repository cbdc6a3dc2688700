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

// health records whether the lines of the log reach the trail. Only the trail's goroutine changes
// it.
type health struct {
	// failure is the error of the last attempt, or nil.
	failure atomic.Pointer[error]
	// began is the start of the current write or sync, as the time since start, or 0 if none is in
	// progress.
	began atomic.Int64
	start time.Time
}

// begin records that a write or a sync begins.
func (h *health) begin() { h.began.Store(int64(time.Since(h.start))) }

func (h *health) end() { h.began.Store(0) }

func (h *health) ill() bool { return h.failure.Load() != nil }

// tell records the result of a step, and logs a change of the health.
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

// err returns the reason why lines do not reach the trail, or nil. most is the maximum duration of
// a write.
func (h *health) err(most time.Duration) error {
	if failure := h.failure.Load(); failure != nil {
		return *failure
	}
	if began := h.began.Load(); began != 0 && time.Since(h.start)-time.Duration(began) > most {
		return errTrailHung
	}
	return nil
}

// TrailHealthy returns nil, or the reason why lines do not reach the trail and wait in the log.
// Commits with an intent or a denial fail in that case.
func (s *Store) TrailHealthy() error { return s.trail.health.err(s.c.MaxWait) }

// admit rejects intents and denials while lines do not reach the trail. Other lines are admitted,
// so that begun changes can end.
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
