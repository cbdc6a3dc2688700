package quota

import (
	"context"

	"platform.internal/storekeeper/internal/fault"
)

// CheckStores gives the fault that making n stores would be refused with now
// since the tenant has reached its own limit, nil where it would not. It holds no
// places, so the create that follows can be refused yet.
func (c *Client) CheckStores(ctx context.Context, account string, n int) error {
	return c.check(ctx, account, stores, n)
}

// CheckSecrets does the same for secrets.
func (c *Client) CheckSecrets(ctx context.Context, account string, n int) error {
	return c.check(ctx, account, secrets, n)
}

func (c *Client) check(ctx context.Context, account string, k kind, n int) error {
	id, counted := c.counted(account)
	if !counted || n == 0 {
		return nil
	}
	a := c.ask(ctx, id, k, n)
	if a.limit == nil {
		return nil
	}
	key := tenantKey(a.account, a.tenant)
	now, err := c.c.Records.Get(ctx, key)
	if err != nil {
		return fault.From(err)
	}
	at := c.c.Clock()
	h, err := readHolding(now[key], at)
	if err != nil {
		return fault.From(err)
	}
	if h.used(k, a.op)+n <= *a.limit {
		return nil
	}
	r := &reservation{Client: c, asked: a, since: at}
	if err := r.tenantFull(ctx); err != nil {
		return fault.From(err)
	}
	return nil
}
