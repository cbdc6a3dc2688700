package quota

import (
	"context"
	"encoding/json"
	"strings"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/upstream"
)

// DeleteSecret deletes a secret, and gives its place back to who made it.
func (c *Client) DeleteSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	answer, err := c.Upstream.DeleteSecret(ctx, p)
	if account, ok := c.counted(p.Account); ok && gone(err) {
		c.giveBack(ctx, account, p.StoreID, []string{p.SecretID})
	}
	return answer, err
}

// DeleteSecrets deletes several secrets, all or none, and gives their places
// back.
func (c *Client) DeleteSecrets(ctx context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	answer, err := c.Upstream.DeleteSecrets(ctx, p)
	if account, ok := c.counted(p.Account); ok && err == nil {
		c.giveBack(ctx, account, p.StoreID, p.IDs)
	}
	return answer, err
}

// DeleteStore deletes a store, and gives its place back and those of the secrets
// that went with it, whosever they were.
func (c *Client) DeleteStore(ctx context.Context, p upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error) {
	answer, err := c.Upstream.DeleteStore(ctx, p)
	account, ok := c.counted(p.Account)
	if !ok || !gone(err) {
		return answer, err
	}
	c.giveBack(ctx, account, "", []string{p.StoreID})
	inStore := func(k kind, _ string, o object) bool { return k == secrets && o.Store == p.StoreID }
	if err := c.dropAll(context.WithoutCancel(ctx), account, inStore); err != nil {
		c.c.Report(ctx, err)
	}
	return answer, err
}

// gone reports whether an object is not there after a delete of it.
func gone(err error) bool { return err == nil || fault.From(err).Kind == fault.NotFound }

// giveBack takes objects out of the count of those who made them. store is that
// of secrets, and "" for stores: what was not found in one store may well be in
// another.
func (c *Client) giveBack(ctx context.Context, account, store string, ids []string) {
	owners, err := c.owners(context.WithoutCancel(ctx), account, ids)
	if err != nil {
		c.c.Report(ctx, err)
		return
	}
	lost := map[string][]string{}
	for id, o := range owners {
		if o.Store == store {
			lost[o.Tenant] = append(lost[o.Tenant], id)
		}
	}
	for tenant, ids := range lost {
		all := func(kind, string, object) bool { return true }
		c.record(ctx, dropKeys(account, tenant, ids), c.dropping(tenantKey(account, tenant), ids, all))
	}
}

// owners gives who made the objects, as far as that is counted.
func (c *Client) owners(ctx context.Context, account string, ids []string) (map[string]owner, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = ownerKey(account, id)
	}
	entries, err := c.c.Records.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	owners := make(map[string]owner, len(entries))
	for key, e := range entries {
		var o owner
		if err := json.Unmarshal(e.Value, &o); err != nil {
			return nil, err
		}
		owners[strings.TrimPrefix(key, ownerKey(account, ""))] = o
	}
	return owners, nil
}

// dropKeys are the records that say that a tenant has the objects.
func dropKeys(account, tenant string, ids []string) []string {
	keys := []string{tenantKey(account, tenant)}
	for _, id := range ids {
		keys = append(keys, ownerKey(account, id))
	}
	return keys
}

// dropping takes those of the objects out of a tenant's record that are still
// to go when it is asked.
func (c *Client) dropping(key string, ids []string, goes func(kind, string, object) bool) records.Decide {
	account, _, _ := strings.Cut(strings.TrimPrefix(key, tenantPrefix), "/")
	return func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		h, err := readHolding(now[key], c.c.Clock())
		if err != nil {
			return nil, err
		}
		changes := map[string]*records.Entry{}
		for _, id := range ids {
			for _, k := range []kind{stores, secrets} {
				if o, has := h.objects(k)[id]; has && goes(k, id, o) {
					delete(h.objects(k), id)
					changes[ownerKey(account, id)] = nil
				}
			}
		}
		changes[key] = h.entry()
		return changes, nil
	}
}
