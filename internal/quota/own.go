package quota

import (
	"context"

	"platform.internal/storekeeper/internal/upstream"
)

// Own replaces the quota of an account by that of a tenant. A tenant with a limit of secrets sees its own
// limit and usage, because the account's figures include all tenants.
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
