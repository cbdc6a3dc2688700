package batch

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// refused is a call for several that Cloudflare refused.
type refused struct {
	itemList

	fault *fault.Error
	began time.Time
}

// part sends the items of a refused call on their ways: those that are blamed
// alone, the others together again, and where nobody is blamed, in two halves.
//
// Where Cloudflare seems to have made some of the items nevertheless, the
// items that these belong to are told that nobody knows. The same goes for all
// when there is no way to see it.
func (c *Batcher) part(ctx context.Context, r refused) {
	blamed := r.blamed()
	there, err := c.look(r.payer(ctx, blamed), r.itemList)
	if err != nil {
		r.lose(r.fault)
		return
	}
	recent := r.began.Add(c.ahead(r.itemList[0].op().Account) - change.Margin)
	made := map[int]bool{}
	r.each(func(place int, _ *item, s change.NewSecret) {
		switch secret, ok := there[s.Name]; {
		case !ok || blamed[place]:
		case secret.Created.Before(recent):
			blamed[place] = true
		default:
			made[place] = true
		}
	})
	c.remember(r, blamed)
	if !r.partly(blamed, made) {
		made = nil
	}
	c.sendOn(r, r.owners(blamed), r.owners(made))
}

// remember has the names that were taken, and those who are to blame, travel
// alone for a while.
func (c *Batcher) remember(r refused, blamed map[int]bool) {
	now := c.clock()
	for p := range r.owners(blamed) {
		c.hazards.blame(p.ownerKey(), now)
	}
	r.each(func(place int, p *item, s change.NewSecret) {
		if blamed[place] && r.fault.Kind == fault.NameTaken {
			c.hazards.blame(p.nameKey(s.Name), now)
		}
	})
}

// payer is the context of one who is to blame for a look, or else that of the
// call.
func (r refused) payer(ctx context.Context, blamed map[int]bool) context.Context {
	for p := range r.owners(blamed) {
		return change.With(context.WithoutCancel(p.ctx), p.a)
	}
	return change.With(ctx, r.itemList[0].a)
}

// look lists what the store holds now, by name.
func (c *Batcher) look(ctx context.Context, l itemList) (map[string]upstream.Secret, error) {
	if c.listings == nil {
		return nil, nil //nolint:nilnil // nothing is there
	}
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	listed, err := c.listings.Secrets(ctx, l[0].op().Account, l[0].op().StoreID, c.clock())
	if err != nil && fault.From(err).Kind != fault.NotFound {
		return nil, err
	}
	named := make(map[string]upstream.Secret, len(listed))
	for _, secret := range listed {
		named[secret.Name] = secret
	}
	return named, nil
}

// blamed gives the places of the items that the fault names.
func (r refused) blamed() map[int]bool {
	blamed := map[int]bool{}
	for _, field := range r.fault.Fields {
		if place, ok := itemOf(field.Pointer); ok {
			blamed[place] = true
		}
	}
	if r.fault.Detail != "" {
		r.each(func(place int, _ *item, s change.NewSecret) {
			if s.Name == r.fault.Detail {
				blamed[place] = true
			}
		})
	}
	return blamed
}

// partly says whether what is there by now looks as if the refused call had
// made it: then either all that is not blamed is there, or all that stands
// before the first that is. Otherwise somebody else was at work.
func (r refused) partly(blamed, made map[int]bool) bool {
	before, whole := len(made) > 0 && made[0], len(made) > 0
	stopped := false
	r.each(func(place int, _ *item, _ change.NewSecret) {
		stopped = stopped || blamed[place]
		if blamed[place] || made[place] {
			return
		}
		whole = false
		if !stopped && len(blamed) > 0 {
			before = false
		}
	})
	return before || whole
}

// owners gives the items that the items at some places belong to.
func (r refused) owners(places map[int]bool) map[*item]bool {
	owners := map[*item]bool{}
	r.each(func(place int, p *item, _ change.NewSecret) {
		if places[place] {
			owners[p] = true
		}
	})
	return owners
}

// sendOn tells each item of a refused call how to go on. Each time at least
// one of them ends, goes alone, or has less company, so that all end.
func (c *Batcher) sendOn(r refused, blamed, made map[*item]bool) {
	var rest itemList
	for _, p := range r.itemList {
		switch {
		case made[p]:
			itemList{p}.lose(r.fault)
		case blamed[p] || p.rides >= maxRides:
			p.tell(itemResult{again: true, group: alone})
		default:
			rest = append(rest, p)
		}
	}
	if len(rest) < len(r.itemList) {
		for _, p := range rest {
			p.tell(itemResult{again: true, group: p.home()})
		}
		return
	}
	for _, half := range []itemList{rest[:len(rest)/2], rest[len(rest)/2:]} {
		group := alone
		if len(half) > 1 {
			group = c.half(half[0])
		}
		for _, p := range half {
			p.tell(itemResult{again: true, group: group})
		}
	}
}
