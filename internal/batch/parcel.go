package batch

import (
	"context"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
)

// parcel is what one caller creates.
type parcel struct {
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
	done chan outcome
}

// outcome is what became of a parcel on one travel.
type outcome struct {
	result change.Result
	err    error
	// again says that it was not made and goes once more, in a group.
	again bool
	group string
}

func newParcel(ctx context.Context, a *change.Attempt, next change.Next) *parcel {
	mine := &parcel{ctx: ctx, a: a, next: next, done: make(chan outcome, 1)}
	if a.Op.Caller != "" {
		mine.owner = a.Op.Tenant + "/" + a.Op.Caller
	}
	mine.group = mine.home()
	return mine
}

// op is what the caller creates.
func (p *parcel) op() *change.Op { return &p.a.Op }

// home is the group of all that go to the same store.
func (p *parcel) home() string { return p.op().Account + "/" + p.op().StoreID }

func (p *parcel) ask() budget.Ask {
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
func (p *parcel) wait(ctx context.Context) (outcome, error) {
	select {
	case got := <-p.done:
		return got, nil
	case <-ctx.Done():
		return outcome{}, lost(ctx.Err())
	}
}

// tell ends a travel. The channel has room, so that nobody need listen.
func (p *parcel) tell(o outcome) { p.done <- o }

// load is what several parcels make together.
type load []*parcel

// attempt joins the parcels in their order. Nobody's patience ends it.
func (l load) attempt(permit *budget.Permit) *change.Attempt {
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
func (l load) each(visit func(place int, p *parcel, s change.NewSecret)) {
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
