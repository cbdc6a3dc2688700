package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"platform.internal/storekeeper/internal/fault"
)

// openTime is the time that an open circuit breaker waits before a trial call.
const openTime = 2 * time.Second

// errInconclusive marks an attempt that gives no information about Cloudflare, because the caller's
// context ended early.
var errInconclusive = errors.New("the caller did not wait for the answer")

// health is the circuit breaker of an account.
type health struct {
	breaker *gobreaker.TwoStepCircuitBreaker[None]
}

// newHealth makes a circuit breaker that opens after consecutive failures. 0 means no breaker.
func newHealth(failures int) health {
	if failures <= 0 {
		return health{}
	}
	return health{breaker: gobreaker.NewTwoStepCircuitBreaker[None](gobreaker.Settings{
		Timeout:      openTime,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= failures },
		IsSuccessful: func(err error) bool { return !isOutage(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, errInconclusive) },
	})}
}

// checkOpen returns a fault if the breaker is open, so that the call need not wait for a permit.
func (h health) checkOpen() *fault.Error {
	if h.breaker == nil || h.breaker.State() != gobreaker.StateOpen {
		return nil
	}
	return breakerOpen()
}

// ask asks the breaker for permission to send. ended records the result. f is the fault of a call
// that must not be sent.
func (h health) ask() (ended func(error), f *fault.Error) {
	if h.breaker == nil {
		return func(error) {}, nil
	}
	ended, err := h.breaker.Allow()
	if err != nil {
		return nil, breakerOpen()
	}
	return ended, nil
}

func breakerOpen() *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonUpstreamUnavailable, "Cloudflare is in trouble at the moment, so the call was not sent.")
	f.RetryAfter = openTime
	return f
}

// breakerOutcome converts the result of an attempt for the breaker. ctx is the caller's context: a short
// deadline of the caller is not a failure of Cloudflare.
func breakerOutcome(ctx context.Context, err error) error {
	if isOutage(err) && ctx.Err() != nil {
		return errInconclusive
	}
	return err
}

// isOutage reports whether an error indicates an outage of Cloudflare or the network. Other errors
// also occur while Cloudflare is healthy.
func isOutage(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return false
	}
	switch f.Kind {
	case fault.Unavailable, fault.Deadline:
		return true
	case fault.Upstream, fault.Throttled:
		// Cloudflare responded, although the outcome of the change is unknown.
		return false
	default:
		return f.Reason == fault.ReasonUpstreamAnswerLost
	}
}
