package batch

import (
	"context"
	"errors"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tracing"
	"platform.internal/storekeeper/internal/upstream"
)

// ofItems are the kinds of fault that can come from one item among several.
// With Upstream come refusals that nobody understands, and those of a firewall. The
// refusal of the platform's credential is none, whatever was asked for.
var ofItems = []fault.Kind{fault.BadInput, fault.TooLarge, fault.NameTaken, fault.LimitReached, fault.Upstream}

// deliver makes one call for several items and tells each what became of it.
// The context is that of the first, for what it carries: neither its end nor the
// patience of who stands behind it touches the others.
func (c *Batcher) deliver(permit *budget.Permit, l itemList) {
	l, arrive := c.safe(c.held(l))
	if len(l) == 0 {
		permit.Done(budget.Result{})
		return
	}
	ctx := context.WithoutCancel(l[0].ctx)
	c.observe(len(l))
	began := c.clock()
	r, err := c.send(ctx, permit, l)
	took := c.clock().Sub(began)
	// Who goes once more must not meet its own names.
	arrive()
	if err == nil {
		l.note(r.Ray, took)
		l.share(r)
		return
	}
	f := fault.From(err)
	l.note(f.Ray, took)
	switch {
	case f.Reason == fault.ReasonUpstreamAnswerLost:
		l.lose(f)
	case ofItem(f):
		c.part(ctx, refused{itemList: l, fault: f, began: began})
	default:
		for _, p := range l {
			p.tell(itemResult{err: general(f)})
		}
	}
}

// ofItem says whether an error can come from one item among several.
func ofItem(err error) bool {
	f, refused := errors.AsType[*fault.Error](err)
	return refused && slices.Contains(ofItems, f.Kind) && f.Reason != fault.ReasonUpstreamCredentialRefused && f.Reason != fault.ReasonUpstreamAnswerLost
}

// held leaves out those items that must not be sent any more, after the wait.
func (c *Batcher) held(l itemList) itemList {
	var left itemList
	for _, p := range l {
		if err := p.a.MaySend(); err != nil {
			p.tell(itemResult{err: err})
			continue
		}
		left = append(left, p)
	}
	return left
}

func (c *Batcher) send(ctx context.Context, permit *budget.Permit, l itemList) (change.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	// For a call that ended before it came to use the permit.
	defer permit.Done(budget.Result{})
	return l[0].next(ctx, l.attempt(permit))
}

// note puts the call, which took some time, on the account of each caller but the
// first, in whose name it was sent.
func (l itemList) note(ray string, took time.Duration) {
	for _, p := range l {
		tracing.Of(p.ctx).SetCount(tracing.CallsKey, len(l))
	}
	for _, p := range l[1:] {
		telemetry.CallFrom(p.ctx).AddUpstream(took, ray)
		span := tracing.Of(p.ctx)
		if telemetry.IsRay(ray) {
			span.SetRay(ray)
		}
		span.LinkTo(l[0].ctx)
	}
}

// share gives each item its own part of an answer. What Cloudflare said
// beside it is for nobody, since it may be about anybody's.
func (l itemList) share(r change.Result) {
	if !l.matches(r.Secrets) {
		l.lose(fault.New(fault.Upstream, fault.ReasonUpstreamAnswerLost, "Cloudflare's answer is not in the order of the request."))
		return
	}
	from := 0
	for _, p := range l {
		to := from + len(p.op().Secrets)
		p.tell(itemResult{result: change.Result{Secrets: slices.Clone(r.Secrets[from:to]), Ray: r.Ray}})
		from = to
	}
}

// matches says whether the results are those of the items, in their order.
func (l itemList) matches(results []upstream.Secret) bool {
	n, same := 0, true
	l.each(func(place int, _ *item, s change.NewSecret) {
		n++
		same = same && place < len(results) && results[place].Name == s.Name
	})
	return same && n == len(results)
}

// lose tells all that nobody knows what became of their items.
func (l itemList) lose(because *fault.Error) {
	for _, p := range l {
		f := lost(because)
		f.Ray = because.Ray
		p.tell(itemResult{err: f})
	}
}

// general makes of a fault one that says nothing of any item.
func general(f *fault.Error) *fault.Error {
	g := fault.New(f.Kind, f.Reason, f.Public)
	g.RetryAfter, g.Ray = f.RetryAfter, f.Ray
	return g.Because(errors.Unwrap(f))
}
