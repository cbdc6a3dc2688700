package quota

import (
	"context"

	"platform.internal/storekeeper/internal/tenant"
	"platform.internal/storekeeper/internal/upstream"
)

// Quota gives the quota of an account. A tenant that has a limit of secrets there
// gets the limit and what counts against it: the figures of the account are those
// of all tenants.
func (c *Client) Quota(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error) {
	answer, err := c.Upstream.Quota(ctx, account)
	id, counted := c.counted(account)
	if err != nil || !counted {
		return answer, err
	}
	name := tenant.From(ctx)
	limit, limited := c.c.Limits(id, name)
	if !limited || limit.Secrets == nil {
		return answer, nil
	}
	key := tenantKey(id, c.c.Key(name))
	entries, err := c.c.Records.Get(ctx, key)
	if err != nil {
		return upstream.Answer[upstream.Quota]{}, err
	}
	h, err := readHolding(entries[key], c.c.Clock())
	if err != nil {
		return upstream.Answer[upstream.Quota]{}, err
	}
	own := &answer.Result.Secrets
	own.Quota, own.Usage = min(own.Quota, int64(*limit.Secrets)), int64(h.Secrets)
	return answer, nil
}
