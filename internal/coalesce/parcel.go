package coalesce

import (
	"context"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/upstream"
)

// parcel is what one caller creates.
type parcel struct {
	// ctx is that of the caller, to which the answer is noted down.
	ctx context.Context //nolint:containedctx // it is the caller's, and the parcel is too
	p   upstream.CreateSecretsParams
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
	answer upstream.Answer[[]upstream.Secret]
	err    error
	// again says that it was not made and goes once more, in a group.
	again bool
	group string
}

func newParcel(ctx context.Context, p upstream.CreateSecretsParams) *parcel {
	mine := &parcel{ctx: ctx, p: p, done: make(chan outcome, 1)}
	mine.group = mine.home()
	return mine
}

// home is the group of all that go to the same store.
func (p *parcel) home() string { return p.p.Account + "/" + p.p.StoreID }

func (p *parcel) ask() budget.Ask {
	size := 0
	for _, s := range p.p.Secrets {
		size += len(s.Name) + len(s.Value)
		if s.Comment != nil {
			size += len(*s.Comment)
		}
	}
	return budget.Ask{Group: p.group, Parcel: p, Items: len(p.p.Secrets), Bytes: size}
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

// params joins the parcels in their order.
func (l load) params() upstream.CreateSecretsParams {
	whole := l[0].p
	whole.Secrets = nil
	for _, p := range l {
		whole.Secrets = append(whole.Secrets, p.p.Secrets...)
	}
	return whole
}

// each visits the items of all, by their place in the whole.
func (l load) each(visit func(place int, p *parcel, s upstream.NewSecret)) {
	place := 0
	for _, p := range l {
		for _, s := range p.p.Secrets {
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
