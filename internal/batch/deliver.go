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

// ofItems are the kinds of fault that one item of a batch can cause. Upstream includes unknown refusals and
// those of a firewall. The refusal of the platform's credential does not depend on the items.
var ofItems = []fault.Kind{fault.BadInput, fault.TooLarge, fault.NameTaken, fault.LimitReached, fault.Upstream}

// sendBatch sends one request for several items and sends each item its result. It uses the values of the first
// item's context, but neither its cancellation nor its deadline.
func (c *Batcher) sendBatch(permit *budget.Permit, l itemList) {
	l, unmark := c.safe(c.held(l))
	if len(l) == 0 {
		permit.Done(budget.Result{})
		return
	}
	ctx := context.WithoutCancel(l[0].ctx)
	c.observe(len(l))
	began := c.clock()
	r, err := c.send(ctx, permit, l)
	took := c.clock().Sub(began)
	// Items that are sent again must not conflict with their own names.
	unmark()
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

// ofItem reports whether one item of a batch can have caused the error.
func ofItem(err error) bool {
	f, refused := errors.AsType[*fault.Error](err)
	return refused && slices.Contains(ofItems, f.Kind) && f.Reason != fault.ReasonUpstreamCredentialRefused && f.Reason != fault.ReasonUpstreamAnswerLost
}

// held drops the items that may not be sent any more after the wait.
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
	// This releases the permit if the request ended before using the permit.
	defer permit.Done(budget.Result{})
	return l[0].next(ctx, l.attempt(permit))
}

// note records the request in the telemetry of each caller except the first, whose context the request used.
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

// share sends each item its part of an answer. It drops Cloudflare's notices, because they may concern any
// caller.
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

// matches reports whether the results correspond to the items, in order.
func (l itemList) matches(results []upstream.Secret) bool {
	n, same := 0, true
	l.each(func(place int, _ *item, s change.NewSecret) {
		n++
		same = same && place < len(results) && results[place].Name == s.Name
	})
	return same && n == len(results)
}

// lose sends all items the fault of an unknown outcome.
func (l itemList) lose(because *fault.Error) {
	for _, p := range l {
		f := lost(because)
		f.Ray = because.Ray
		p.tell(itemResult{err: f})
	}
}

// general removes everything about single items from a fault.
func general(f *fault.Error) *fault.Error {
	g := fault.New(f.Kind, f.Reason, f.Public)
	g.RetryAfter, g.Ray = f.RetryAfter, f.Ray
	return g.Because(errors.Unwrap(f))
}
