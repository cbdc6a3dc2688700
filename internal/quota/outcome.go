package quota

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/records"
)

const (
	// recordTime bounds what is written after a change, whose caller may have
	// left.
	recordTime = 5 * time.Second
	// tries is how often that is tried.
	tries = 3
	// breath is the time between.
	breath = 100 * time.Millisecond
)

// keep turns the places of a change into objects that the tenant has.
func (c *Client) keep(ctx context.Context, a asked, store string, made []string) {
	keys := a.keys()
	if a.limit != nil {
		for _, id := range made {
			keys = append(keys, ownerKey(a.account, store, id))
		}
	}
	c.record(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		at := c.c.Clock()
		changes, err := a.without(now, at, len(made))
		if err != nil || a.limit == nil {
			return changes, err
		}
		key := tenantKey(a.account, a.tenant)
		h, err := readHolding(now[key], at)
		if err != nil {
			return nil, err
		}
		delete(h.Reserved, a.op)
		for _, id := range made {
			object := ownerKey(a.account, store, id)
			if _, counted := now[object]; !counted {
				*h.count(a.kind)++
				changes[object] = &records.Entry{Value: written(owner{Tenant: a.tenant, Since: at})}
			}
		}
		changes[key] = h.entry()
		return changes, nil
	})
}

// release gives the places of a change back.
func (c *Client) release(ctx context.Context, a asked) {
	c.record(ctx, a.keys(), func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		return a.without(now, c.c.Clock(), 0)
	})
}

// without is the records of a change without its claim. made is how many
// objects there are instead.
func (a asked) without(now map[string]records.Entry, at time.Time, made int) (map[string]*records.Entry, error) {
	changes := map[string]*records.Entry{}
	if a.limit != nil {
		key := tenantKey(a.account, a.tenant)
		h, err := readHolding(now[key], at)
		if err != nil {
			return nil, err
		}
		delete(h.Reserved, a.op)
		changes[key] = h.entry()
	}
	if a.kind == secrets {
		key := accountKey(a.account)
		b, err := readBalance(now[key], at)
		if err != nil {
			return nil, err
		}
		delete(b.Reserved, a.op)
		b.Made += int64(made)
		changes[key] = b.entry(at)
	}
	return changes, nil
}

// record writes what became of a change, however its caller fares. Where that
// fails the change has happened all the same, so it is only reported: a place
// that is held in vain lapses, and what is counted in vain is found before a
// tenant is refused.
func (c *Client) record(ctx context.Context, keys []string, decide records.Decide) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	var err error
	for i := range tries {
		if i > 0 && pause(ctx, breath) != nil {
			break
		}
		if err = c.c.Records.Change(ctx, keys, decide); err == nil {
			return
		}
	}
	c.c.Report(ctx, err)
}
