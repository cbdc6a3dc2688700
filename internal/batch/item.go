package batch

import (
	"context"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
)

// item is the create of one caller.
type item struct {
	// ctx is the context of the caller. It also records the telemetry of the request.
	ctx context.Context //nolint:containedctx // it is the caller's, and the parcel is too
	a   *change.Attempt
	// next sends the request.
	next change.Next
	// group is the group for the next attempt.
	group string
	// owner identifies the caller for hazards, "" if unknown.
	owner string
	// batches counts the attempts in a batch.
	batches int
	// done receives the result of an attempt.
	done chan itemResult
}

// itemResult is the result of one attempt of an item.
type itemResult struct {
	result change.Result
	err    error
	// again says that the item was not created and is sent again in group.
	again bool
	group string
}

func newItem(ctx context.Context, a *change.Attempt, next change.Next) *item {
	mine := &item{ctx: ctx, a: a, next: next, done: make(chan itemResult, 1)}
	if a.Op.Caller != "" {
		mine.owner = a.Op.Tenant + "/" + a.Op.Caller
	}
	mine.group = mine.storeGroup()
	return mine
}

// op returns the operation of the caller.
func (p *item) op() *change.Op { return &p.a.Op }

// storeGroup returns the group of all creates in the same store.
func (p *item) storeGroup() string { return p.op().Account + "/" + p.op().StoreID }

func (p *item) ask() budget.Ask {
	size := 0
	for _, v := range p.a.Values {
		size += len(v)
	}
	for _, s := range p.op().Secrets {
		size += len(s.Name)
		if s.Comment != nil {
			size += len(*s.Comment)
		}
	}
	return budget.Ask{Group: p.group, Member: p, Items: len(p.op().Secrets), Bytes: size}
}

// wait waits for the result of an attempt. If ctx ends first, the outcome is unknown.
func (p *item) wait(ctx context.Context) (itemResult, error) {
	select {
	case got := <-p.done:
		return got, nil
	case <-ctx.Done():
		return itemResult{}, lost(ctx.Err())
	}
}

// tell sends the result of an attempt. The channel is buffered, so tell never blocks.
func (p *item) tell(o itemResult) { p.done <- o }

// itemList is the batch of one request.
type itemList []*item

// attempt merges the items, in order. No single caller can cancel the merged attempt.
func (l itemList) attempt(permit *budget.Permit) *change.Attempt {
	whole := *l[0].a
	whole.Wanted, whole.Permit = nil, permit
	whole.Op.Secrets, whole.Values = nil, nil
	whole.Together = make([]*change.Attempt, 0, len(l))
	for _, p := range l {
		whole.Op.Secrets = append(whole.Op.Secrets, p.op().Secrets...)
		whole.Values = append(whole.Values, p.a.Values...)
		whole.Together = append(whole.Together, p.a)
	}
	return &whole
}

// each calls visit for the secrets of all items, with their index in the request.
func (l itemList) each(visit func(place int, p *item, s change.NewSecret)) {
	place := 0
	for _, p := range l {
		for _, s := range p.op().Secrets {
			visit(place, p, s)
			place++
		}
	}
}

// itemOf reads the index at the start of a JSON pointer.
func itemOf(pointer string) (place int, ok bool) {
	first, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	place, err := strconv.Atoi(first)
	return place, err == nil && strings.HasPrefix(pointer, "/")
}
