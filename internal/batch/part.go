package batch

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// refused is a batch that Cloudflare refused.
type refused struct {
	itemList

	fault *fault.Error
	began time.Time
}

// part decides how the items of a refused batch continue. Blamed items are sent alone, and the others
// together again. If no item is blamed, part splits the batch into halves.
//
// If Cloudflare seems to have created some secrets nevertheless, their items get the fault of an unknown
// outcome. If the listing fails, all items get that fault.
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

// remember marks names that were taken and blamed owners, so that their items are sent alone for a while.
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

// payer returns the context that pays for the listing: that of a blamed item, or else that of the request.
func (r refused) payer(ctx context.Context, blamed map[int]bool) context.Context {
	for p := range r.owners(blamed) {
		return change.With(context.WithoutCancel(p.ctx), p.a)
	}
	return change.With(ctx, r.itemList[0].a)
}

// look lists the current secrets of the store, by name.
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

// blamed returns the indices of the secrets that the fault names.
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

// partly reports whether the refused request can have created the new secrets: either all secrets that are
// not blamed exist, or all secrets before the first blamed secret. Otherwise another client created them.
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

// owners returns the items that own the secrets at some indices.
func (r refused) owners(places map[int]bool) map[*item]bool {
	owners := map[*item]bool{}
	r.each(func(place int, p *item, _ change.NewSecret) {
		if places[place] {
			owners[p] = true
		}
	})
	return owners
}

// sendOn sends each item of a refused batch its next step. Each time at least one item ends, is sent alone,
// or joins a smaller batch, so the process terminates.
func (c *Batcher) sendOn(r refused, blamed, made map[*item]bool) {
	var rest itemList
	for _, p := range r.itemList {
		switch {
		case made[p]:
			itemList{p}.lose(r.fault)
		case blamed[p] || p.batches >= maxBatches:
			p.tell(itemResult{again: true, group: alone})
		default:
			rest = append(rest, p)
		}
	}
	if len(rest) < len(r.itemList) {
		for _, p := range rest {
			p.tell(itemResult{again: true, group: p.storeGroup()})
		}
		return
	}
	for _, half := range []itemList{rest[:len(rest)/2], rest[len(rest)/2:]} {
		group := alone
		if len(half) > 1 {
			group = c.newGroup(half[0])
		}
		for _, p := range half {
			p.tell(itemResult{again: true, group: group})
		}
	}
}
