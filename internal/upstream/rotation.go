package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// firstRest is the pause after a candidate could not be tested, and the minimum interval
	// between two tests. Each test costs calls.
	firstRest = time.Second
	// maxRest is the maximum pause, unless Cloudflare asks for a longer pause.
	maxRest = time.Minute
	// refusalHolds is the time during which a refused credential is not tested again, even if the
	// file changes.
	refusalHolds = time.Minute
)

// rotation puts a changed credential in force after a successful test. It runs in one goroutine at
// a time, and only while there is a candidate.
type rotation struct {
	source *credentialSource
	// prove tests a candidate and records intermediate results in the candidate.
	prove  func(context.Context, *candidate) error
	events *events

	candidate candidate
	pause     time.Duration // the next pause
}

// candidate is a credential under test, with intermediate results.
type candidate struct {
	liveCredential
	// notUsers reports that the credential is not a user token.
	notUsers bool
	// verified reports that Cloudflare calls the token active.
	verified bool
}

// run tests the file's content until the content is in force or refused.
func (r *rotation) run(ctx context.Context) {
	r.candidate, r.pause = candidate{}, firstRest
	for {
		r.source.changed.take()
		trouble := r.attempt(ctx)
		r.source.resting.Store(throttles(trouble))
		if !r.source.over(trouble != nil) {
			return
		}
		r.rest(ctx, trouble)
		r.source.resting.Store(false)
	}
}

// attempt tests the present content of the file. It returns an error only if a retry may help.
func (r *rotation) attempt(ctx context.Context) error {
	text, ok := r.source.candidate()
	if !ok {
		return nil
	}
	r.take(text)
	if outcome := r.prove(ctx, &r.candidate); ctx.Err() == nil {
		return r.judge(outcome)
	}
	return nil
}

// judge acts on the result of a test. It returns the result if the test was inconclusive.
func (r *rotation) judge(outcome error) error {
	var trouble error
	switch {
	case outcome == nil:
		r.source.install(r.candidate.liveCredential)
		r.events.recovered(true)
	case refuses(outcome):
		r.source.refuse(r.candidate.reveal())
		r.events.fail("refused", fmt.Errorf("the new credential was refused: %w", outcome))
		// If the credential is offered again, the earlier results do not count.
		r.candidate = candidate{}
	default:
		trouble = outcome
		r.events.fail(fault.From(trouble).Reason, fmt.Errorf("the new credential could not be tried yet: %w", trouble))
	}
	return trouble
}

// take makes a text the candidate. It adds the text to the known credentials before the first use,
// because a response may echo the text.
func (r *rotation) take(text string) {
	if r.candidate.reveal() == text {
		return
	}
	r.candidate, r.pause = candidate{liveCredential: r.source.credentialOf(text)}, firstRest
	r.events.reset()
	r.source.remember(text)
}

// rest pauses before the next attempt. A change of the file ends the pause, and so does a refusal
// of the credential in use, unless Cloudflare throttles calls.
func (r *rotation) rest(ctx context.Context, trouble error) {
	if trouble == nil || !pause(ctx, firstRest) {
		return
	}
	timer := time.NewTimer(max(r.pause, fault.From(trouble).RetryAfter) - firstRest)
	defer timer.Stop()
	r.pause = min(2*r.pause, maxRest)
	hurry := r.source.hurry
	if throttles(trouble) {
		hurry = nil
	}
	select {
	case <-timer.C:
	case <-r.source.changed:
	case <-hurry:
	case <-ctx.Done():
	}
}

// refuses reports whether Cloudflare refused the credential. Other errors are transient.
func refuses(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == fault.ReasonUpstreamCredentialRefused
}

// throttles reports whether an error is a rate limit of Cloudflare.
func throttles(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Kind == fault.Throttled
}
