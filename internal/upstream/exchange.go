package upstream

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"runtime/debug"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/deadline"
	"platform.internal/storekeeper/internal/fault"
)

// operation is a request to be sent.
type operation struct {
	name   string
	method string
	place  listPlace
	query  string
	body   []byte
	// cred is the credential for the request.
	cred liveCredential
	// names are the names in the request. Of the caller's texts, only these may be relayed from a
	// refusal.
	names []string
	// values are the secret values in the request.
	values []string
}

// changes reports whether the operation changes something at Cloudflare. Such a request is repeated
// only if Cloudflare refused the credential, which proves that the request had no effect.
func (o operation) changes() bool { return o.method != http.MethodGet }

// exchange is one attempt of an operation.
type exchange struct {
	operation
	scrub scrubber
	trace progress
	// limit is the context of the request.
	limit deadline.Context
	// url and sent are the URL and the body of the request.
	url  url.URL
	sent requestBody
	// departure is used for a change only.
	departure departure
	// nothingLeft reports that the attempt failed before a byte was sent.
	nothingLeft bool
}

// progress is the progress of a request. The transport updates it from other goroutines.
type progress struct {
	wanted, connected, answered atomic.Bool
	hooks                       httptrace.ClientTrace
}

// attemptEnd is the result of an attempt with regard to retries.
type attemptEnd int

const (
	// done means that no retry is useful.
	done attemptEnd = iota
	// connectionLost means that the connection of a read died before the first byte of a response.
	connectionLost
	// unauthorized means that Cloudflare refused the credential without processing the request.
	unauthorized
)

// call sends an operation and decodes the response. fit checks that the response matches the
// request.
//
// call retries once after connectionLost. After unauthorized, it retries once with each credential
// that was put in force since.
func call[T any](ctx context.Context, c *Client, o *operation, fit fits[T]) (Answer[T], error) {
	secret := o.place.account.secret
	for cuts := 0; ; {
		o.cred = secret.credential()
		answer, end, err := try(ctx, c, o, fit)
		switch {
		case end == connectionLost && cuts == 0:
			cuts++
		case end == unauthorized && secret.replaced(ctx, o.cred):
		default:
			return answer, err
		}
	}
}

// try makes one attempt after the request gets its permit. Operations are passed by pointer: the goroutine
// of a change is deep here, and decoding the answer must not double its stack.
func try[T any](ctx context.Context, c *Client, o *operation, fit fits[T]) (answer Answer[T], end attemptEnd, err error) {
	account := o.place.account
	if f := account.health.checkOpen(); f != nil {
		return answer, done, f
	}
	ended, err := c.admit(ctx, Ask{Operation: o.name, Account: account.id, Changes: o.changes()})
	if err != nil {
		return answer, done, err
	}
	proceed, f := account.health.ask()
	if f != nil {
		ended(Attempt{Operation: o.name, Account: account.id, Unsent: true, Err: f})
		return answer, done, f
	}
	made := Attempt{Operation: o.name, Account: account.id}
	defer func() {
		if p := recover(); p != nil {
			made.Err = o.panicked(p)
			err = made.Err
		}
		proceed(breakerOutcome(ctx, made.Err))
		ended(made)
		c.observe(ctx, made)
	}()
	answer, end = attempt(ctx, c, o, fit, &made)
	return answer, end, made.Err
}

// panicked makes the fault of a panic while a response was processed. The panic value may hold a
// secret, so the cause has only the type and the stack.
func (o operation) panicked(p any) *fault.Error {
	f := fault.New(fault.Internal, fault.ReasonInternal, "Storekeeper failed to handle Cloudflare's answer.")
	if o.changes() {
		f = lost(fault.Upstream)
	}
	return f.Because(fmt.Errorf("panic of type %T at %s", p, debug.Stack()))
}

// attempt sends an operation and returns the result. It describes what it did in made.
func attempt[T any](ctx context.Context, c *Client, o *operation, fit fits[T], made *Attempt) (Answer[T], attemptEnd) {
	x := &exchange{operation: *o}
	x.scrub = scrubber{credential: o.cred.reveal(), account: o.place.account.secret, values: o.values}
	x.limit.Begin(httptrace.WithClientTrace(ctx, c.hooks(ctx, x)), time.Now().Add(c.timeout), nil)
	defer x.limit.End()
	ctx = &x.limit
	start := c.clock()
	r, err := c.send(ctx, x)
	r.now = c.clock()
	r.elapsed = r.now.Sub(start)
	if err != nil {
		x.nothingLeft = x.unsent(err)
		f := x.broken(ctx, err)
		x.report(made, r, f)
		if x.worthAnother(ctx, err) {
			return Answer[T]{}, connectionLost
		}
		return Answer[T]{}, done
	}
	o.place.account.updateClock(r, start)
	answer, f := understand(ctx, x, r, fit)
	x.report(made, r, f)
	if f != nil && f.Reason == fault.ReasonUpstreamCredentialRefused && r.status >= http.StatusBadRequest {
		return answer, unauthorized
	}
	return answer, done
}

// report describes the exchange in an Attempt.
func (x *exchange) report(a *Attempt, r reply, f *fault.Error) {
	*a = Attempt{
		Operation:  x.name,
		Account:    x.place.account.id,
		Status:     r.status,
		Ray:        r.ray,
		Limit:      r.limit,
		Policy:     r.policy,
		Duration:   r.elapsed,
		RetryAfter: r.wait(),
		Unsent:     r.status == 0 && f != nil && x.nothingLeft,
	}
	if f != nil {
		a.Err = f
	}
}

// send sends the request and reads the whole response.
func (c *Client) send(ctx context.Context, x *exchange) (reply, error) {
	if err := ctx.Err(); err != nil {
		// Record that no connection was obtained, so that the request counts as unsent.
		x.trace.wanted.Store(true)
		return reply{}, err
	}
	// http.Client would follow redirects, keep cookies and put the URL in its errors.
	response, err := c.transport.RoundTrip(x.request(ctx)) //nolint:bodyclose // readReply closes it
	if err != nil {
		return reply{}, err
	}
	return readReply(response, &x.scrub), nil
}
