package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"platform.internal/storekeeper/internal/fault"
)

// trouble is how long an account is left alone before one call tries again.
const trouble = 2 * time.Second

// errNotTold stands for an attempt that says nothing about Cloudflare, since its
// caller had no time for the answer.
var errNotTold = errors.New("the caller did not wait for the answer")

// health says whether calls for an account are worth sending.
type health struct {
	breaker *gobreaker.TwoStepCircuitBreaker[None]
}

// newHealth makes the health of an account that is left alone after failures in
// a row. 0: never.
func newHealth(failures int) health {
	if failures <= 0 {
		return health{}
	}
	return health{breaker: gobreaker.NewTwoStepCircuitBreaker[None](gobreaker.Settings{
		Timeout:      trouble,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= failures },
		IsSuccessful: func(err error) bool { return !troubled(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, errNotTold) },
	})}
}

// leftAlone gives the fault of a call that need not wait for its turn, since the
// account is left alone.
func (h health) leftAlone() *fault.Error {
	if h.breaker == nil || h.breaker.State() != gobreaker.StateOpen {
		return nil
	}
	return inTrouble()
}

// ask says whether to send, and takes what came of it. Its fault is that of a
// call which was not sent.
func (h health) ask() (ended func(error), f *fault.Error) {
	if h.breaker == nil {
		return func(error) {}, nil
	}
	ended, err := h.breaker.Allow()
	if err != nil {
		return nil, inTrouble()
	}
	return ended, nil
}

func inTrouble() *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonUpstreamUnavailable, "Cloudflare is in trouble at the moment, so the call was not sent.")
	f.RetryAfter = trouble
	return f
}

// testimony is what an attempt says about Cloudflare's health. ctx is that of the
// caller, whose haste is no fault of Cloudflare's.
func testimony(ctx context.Context, err error) error {
	if troubled(err) && ctx.Err() != nil {
		return errNotTold
	}
	return err
}

// troubled tells an error that is Cloudflare's trouble, or the way to it, from
// one that a healthy Cloudflare gives.
func troubled(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return false
	}
	switch f.Kind {
	case fault.Unavailable, fault.Deadline:
		return true
	case fault.Upstream, fault.Throttled:
		// An answer came, although it says nothing about the change.
		return false
	default:
		return f.Reason == fault.ReasonUpstreamAnswerLost
	}
}
