package quota

import (
	"context"

	"platform.internal/storekeeper/internal/upstream"
)

// Own makes of the quota of an account that of a tenant. One that has a limit of
// secrets there sees the limit and what counts against it: the figures of the
// account are those of all tenants.
func (c *Counter) Own(ctx context.Context, account, tenant string, q upstream.Quota) (upstream.Quota, error) {
	id, counted := c.counted(account)
	if !counted {
		return q, nil
	}
	limit, limited := c.c.Limits(id, tenant)
	if !limited || limit.Secrets == nil {
		return q, nil
	}
	key := tenantKey(id, tenant)
	found, err := c.c.Store.Get(ctx, key)
	if err != nil {
		return q, err
	}
	h, err := readHolding(found[key])
	if err != nil {
		return q, err
	}
	q.Secrets.Quota, q.Secrets.Usage = min(q.Secrets.Quota, int64(*limit.Secrets)), int64(h.Secrets)
	return q, nil
}
