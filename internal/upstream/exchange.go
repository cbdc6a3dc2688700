package upstream

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"platform.internal/storekeeper/internal/fault"
)

// operation is one call as it is to be sent.
type operation struct {
	name   string
	method string
	place  place
	query  string
	body   []byte
	// names are the names in the request: the only texts of the caller's that
	// may be relayed from a refusal.
	names []string
	// values are the secret values in the request.
	values []string
}

// changes says whether the operation changes something at Cloudflare. Such a
// request is never sent twice.
func (o operation) changes() bool { return o.method != http.MethodGet }

// exchange is one attempt at an operation.
type exchange struct {
	operation
	cred  credential
	scrub *scrubber
	trace progress
}

// progress is how far a request got. The transport reports it from goroutines
// of its own.
type progress struct {
	wanted, connected, answered atomic.Bool
}

func (p *progress) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              func(string) { p.wanted.Store(true) },
		GotConn:              func(httptrace.GotConnInfo) { p.connected.Store(true) },
		GotFirstResponseByte: func() { p.answered.Store(true) },
	}
}

// call sends an operation and understands its answer. complete says whether a
// result has what every result of its sort must have.
func call[T any](ctx context.Context, c *Client, o operation, complete func(T) bool) (Answer[T], error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	answer, again, err := try(ctx, c, o, complete)
	if again {
		answer, _, err = try(ctx, c, o, complete)
	}
	return answer, err
}

// bound gives a deadline to a context that has none.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}

// try makes one attempt. Its second result says that another is worth it: the
// operation reads, and its connection died before a byte of an answer.
func try[T any](ctx context.Context, c *Client, o operation, complete func(T) bool) (Answer[T], bool, error) {
	start := c.clock()
	x := &exchange{operation: o, cred: o.place.account.secret.credential()}
	x.scrub = &scrubber{credential: x.cred.reveal(), values: o.values}
	r, err := c.send(ctx, x)
	r.now = c.clock()
	r.elapsed = r.now.Sub(start)
	if err != nil {
		f := x.broken(ctx, err)
		c.report(ctx, x, r, f)
		return Answer[T]{}, x.worthAnother(ctx, err), f
	}
	answer, f := understand(ctx, x, r, complete)
	c.report(ctx, x, r, f)
	if f != nil {
		return Answer[T]{}, false, f
	}
	return answer, false, nil
}

func (c *Client) report(ctx context.Context, x *exchange, r reply, f *fault.Error) {
	a := Attempt{
		Operation: x.name,
		Account:   x.place.account.id,
		Status:    r.status,
		Ray:       r.ray,
		Duration:  r.elapsed,
	}
	if f != nil {
		a.Err = f
	}
	c.observe(ctx, a)
}

// send sends the request and reads the whole answer.
func (c *Client) send(ctx context.Context, x *exchange) (reply, error) {
	if err := ctx.Err(); err != nil {
		// A connection that was wanted and not had: nothing was sent.
		x.trace.wanted.Store(true)
		return reply{}, err
	}
	request, err := c.request(httptrace.WithClientTrace(ctx, x.trace.hooks()), x)
	if err != nil {
		return reply{}, err
	}
	// Not http.Client: it would follow redirects, keep cookies and put the
	// URL in its errors.
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	return readReply(response, x.scrub), nil
}
