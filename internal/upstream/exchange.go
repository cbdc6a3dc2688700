package upstream

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"runtime/debug"
	"sync/atomic"

	"platform.internal/storekeeper/internal/fault"
)

// operation is one call as it is to be sent.
type operation struct {
	name   string
	method string
	place  listPlace
	query  string
	body   []byte
	// cred is the credential to send it with.
	cred liveCredential
	// names are the names in the request: the only texts of the caller's that
	// may be relayed from a refusal.
	names []string
	// values are the secret values in the request.
	values []string
}

// changes says whether the operation changes something at Cloudflare. Such a
// request is sent again only where Cloudflare said that it refused the
// credential, and so did nothing.
func (o operation) changes() bool { return o.method != http.MethodGet }

// exchange is one attempt at an operation.
type exchange struct {
	operation
	scrub *scrubber
	trace progress
	// departure is of a change alone.
	departure departure
	// nothingLeft says that the attempt failed before a byte was sent.
	nothingLeft bool
}

// progress is how far a request got. The transport reports it from goroutines
// of its own.
type progress struct {
	wanted, connected, answered atomic.Bool
}

// fate says what an attempt came to.
type fate int

const (
	// done is an outcome that another attempt would not better.
	done fate = iota
	// cutOff is an operation that reads and whose connection died before a byte
	// of an answer.
	cutOff
	// turnedAway is an operation that Cloudflare did not look at, since it
	// refused the credential.
	turnedAway
)

// call sends an operation and understands its answer. fit says whether the answer
// belongs to the question.
//
// What was cut off is sent once more. What was turned away is sent once more
// with each credential that was put in force meanwhile.
func call[T any](ctx context.Context, c *Client, o operation, fit fits[T]) (Answer[T], error) {
	secret := o.place.account.secret
	for cuts := 0; ; {
		o.cred = secret.credential()
		answer, end, err := try(ctx, c, o, fit)
		switch {
		case end == cutOff && cuts == 0:
			cuts++
		case end == turnedAway && secret.replaced(ctx, o.cred):
		default:
			return answer, err
		}
	}
}

// try makes one attempt, when it is its turn.
func try[T any](ctx context.Context, c *Client, o operation, fit fits[T]) (answer Answer[T], end fate, err error) {
	account := o.place.account
	if f := account.health.leftAlone(); f != nil {
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
		proceed(testimony(ctx, made.Err))
		ended(made)
		c.observe(ctx, made)
	}()
	answer, end, made = attempt(ctx, c, o, fit)
	return answer, end, made.Err
}

// panicked makes a fault of a panic over an answer, of which nobody could say
// more. What it was about may be a secret, so its type and place must do.
func (o operation) panicked(p any) *fault.Error {
	f := fault.New(fault.Internal, fault.ReasonInternal, "Storekeeper failed to handle Cloudflare's answer.")
	if o.changes() {
		f = lost(fault.Upstream)
	}
	return f.Because(fmt.Errorf("panic of type %T at %s", p, debug.Stack()))
}

// attempt sends an operation and says what came of it.
func attempt[T any](ctx context.Context, c *Client, o operation, fit fits[T]) (Answer[T], fate, Attempt) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	start := c.clock()
	x := &exchange{operation: o}
	x.scrub = &scrubber{credential: o.cred.reveal(), account: o.place.account.secret, values: o.values}
	r, err := c.send(ctx, x)
	r.now = c.clock()
	r.elapsed = r.now.Sub(start)
	if err != nil {
		x.nothingLeft = x.unsent(err)
		f := x.broken(ctx, err)
		if x.worthAnother(ctx, err) {
			return Answer[T]{}, cutOff, x.attempt(r, f)
		}
		return Answer[T]{}, done, x.attempt(r, f)
	}
	o.place.account.tellsTime(r, start)
	answer, f := understand(ctx, x, r, fit)
	switch {
	case f == nil:
		return answer, done, x.attempt(r, nil)
	case f.Reason == fault.ReasonUpstreamCredentialRefused && r.status >= http.StatusBadRequest:
		return Answer[T]{}, turnedAway, x.attempt(r, f)
	}
	return Answer[T]{}, done, x.attempt(r, f)
}

// attempt describes the attempt that the exchange was.
func (x *exchange) attempt(r reply, f *fault.Error) Attempt {
	a := Attempt{
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
	return a
}

// send sends the request and reads the whole answer.
func (c *Client) send(ctx context.Context, x *exchange) (reply, error) {
	if err := ctx.Err(); err != nil {
		// A connection that was wanted and not had: nothing was sent.
		x.trace.wanted.Store(true)
		return reply{}, err
	}
	request, err := c.request(httptrace.WithClientTrace(ctx, c.hooks(ctx, x)), x)
	if err != nil {
		return reply{}, err
	}
	// Not http.Client: it would follow redirects, keep cookies and put the
	// URL in its errors.
	response, err := c.transport.RoundTrip(request) //nolint:bodyclose // readReply closes it
	if err != nil {
		return reply{}, err
	}
	return readReply(response, x.scrub), nil
}
