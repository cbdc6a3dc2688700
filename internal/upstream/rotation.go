package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// firstRest is how long a candidate rests that could not be tried, and the
	// least that lies between two tries, however much haste there is. Each try
	// costs calls.
	firstRest = time.Second
	// maxRest is the longest rest, unless Cloudflare asks for a longer one.
	maxRest = time.Minute
	// refusalHolds is how long a refused credential that comes anew, in a file
	// that changed, is not tried again.
	refusalHolds = time.Minute
)

// rotation puts a changed credential in force once it has proved itself. It
// runs in one goroutine at a time, and only while there is something to do.
type rotation struct {
	keeper *keeper
	// prove tries a candidate. It holds what was found out already.
	prove  func(context.Context, *candidate) error
	events *events

	candidate candidate
	pause     time.Duration // how long to rest next
}

// candidate is a credential that has to prove itself, and how far it came.
type candidate struct {
	liveCredential
	// notUsers says that the credential is no token of a user.
	notUsers bool
	// verified says that Cloudflare calls the token active.
	verified bool
}

// run deals with the file until what it holds is in force or is no good.
func (r *rotation) run(ctx context.Context) {
	r.candidate, r.pause = candidate{}, firstRest
	for {
		r.keeper.changed.take()
		trouble := r.attempt(ctx)
		r.keeper.resting.Store(throttles(trouble))
		if !r.keeper.over(trouble != nil) {
			return
		}
		r.rest(ctx, trouble)
		r.keeper.resting.Store(false)
	}
}

// attempt deals with what the file holds now. It gives an error only where
// trying again may help.
func (r *rotation) attempt(ctx context.Context) error {
	text, ok := r.keeper.candidate()
	if !ok {
		return nil
	}
	r.take(text)
	if outcome := r.prove(ctx, &r.candidate); ctx.Err() == nil {
		return r.judge(outcome)
	}
	return nil
}

// judge acts on what came of a candidate. It gives back an outcome that is no
// verdict.
func (r *rotation) judge(outcome error) error {
	var trouble error
	switch {
	case outcome == nil:
		r.keeper.install(r.candidate.liveCredential)
		r.events.well(true)
	case refuses(outcome):
		r.keeper.refuse(r.candidate.reveal())
		r.events.complain("refused", fmt.Errorf("the new credential was refused: %w", outcome))
		// Should it come again, nothing that was found out holds.
		r.candidate = candidate{}
	default:
		trouble = outcome
		r.events.complain(fault.From(trouble).Reason, fmt.Errorf("the new credential could not be tried yet: %w", trouble))
	}
	return trouble
}

// take makes a text the candidate unless it is. It is known from now on, since
// whoever it is sent to may send it back.
func (r *rotation) take(text string) {
	if r.candidate.reveal() == text {
		return
	}
	r.candidate, r.pause = candidate{liveCredential: r.keeper.credentialOf(text)}, firstRest
	r.events.anew()
	r.keeper.remember(text)
}

// rest waits before the next attempt, if the one before met trouble. A change of
// the file ends it, and so does a refusal of the credential in use where
// Cloudflare takes calls at all.
func (r *rotation) rest(ctx context.Context, trouble error) {
	if trouble == nil || !pause(ctx, firstRest) {
		return
	}
	timer := time.NewTimer(max(r.pause, fault.From(trouble).RetryAfter) - firstRest)
	defer timer.Stop()
	r.pause = min(2*r.pause, maxRest)
	hurry := r.keeper.hurry
	if throttles(trouble) {
		hurry = nil
	}
	select {
	case <-timer.C:
	case <-r.keeper.changed:
	case <-hurry:
	case <-ctx.Done():
	}
}

// refuses says whether an error is Cloudflare's word that a credential is no
// good, and not trouble that passes.
func refuses(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == fault.ReasonUpstreamCredentialRefused
}

// throttles says whether an error is that Cloudflare takes no calls now.
func throttles(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Kind == fault.Throttled
}
