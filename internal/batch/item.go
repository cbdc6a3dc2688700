package batch

import (
	"context"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
)

// item is what one caller creates.
type item struct {
	// ctx is that of the caller, to which the answer is noted down.
	ctx context.Context //nolint:containedctx // it is the caller's, and the parcel is too
	a   *change.Attempt
	// next sends it.
	next change.Next
	// group names those whom it travels with next.
	group string
	// owner is who is to blame for it, "" for nobody.
	owner string
	// rides counts its travels in company.
	rides int
	// done takes the outcome of one travel.
	done chan itemResult
}

// itemResult is what became of an item on one travel.
type itemResult struct {
	result change.Result
	err    error
	// again says that it was not made and goes once more, in a group.
	again bool
	group string
}

func newParcel(ctx context.Context, a *change.Attempt, next change.Next) *item {
	mine := &item{ctx: ctx, a: a, next: next, done: make(chan itemResult, 1)}
	if a.Op.Caller != "" {
		mine.owner = a.Op.Tenant + "/" + a.Op.Caller
	}
	mine.group = mine.home()
	return mine
}

// op is what the caller creates.
func (p *item) op() *change.Op { return &p.a.Op }

// home is the group of all that go to the same store.
func (p *item) home() string { return p.op().Account + "/" + p.op().StoreID }

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

// wait waits for the outcome of a travel. Who leaves before does not know it.
func (p *item) wait(ctx context.Context) (itemResult, error) {
	select {
	case got := <-p.done:
		return got, nil
	case <-ctx.Done():
		return itemResult{}, lost(ctx.Err())
	}
}

// tell ends a travel. The channel has room, so that nobody need listen.
func (p *item) tell(o itemResult) { p.done <- o }

// itemList is what several items make together.
type itemList []*item

// attempt joins the items in their order. Nobody's patience ends it.
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

// each visits the items of all, by their place in the whole.
func (l itemList) each(visit func(place int, p *item, s change.NewSecret)) {
	place := 0
	for _, p := range l {
		for _, s := range p.op().Secrets {
			visit(place, p, s)
			place++
		}
	}
}

// itemOf reads the place of an item at the start of a JSON pointer.
func itemOf(pointer string) (place int, ok bool) {
	first, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	place, err := strconv.Atoi(first)
	return place, err == nil && strings.HasPrefix(pointer, "/")
}
