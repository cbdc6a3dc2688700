package quota

import (
	"context"
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
	all := func(owner, string) bool { return true }
	if err := c.dropAll(context.WithoutCancel(ctx), account, p.StoreID, all); err != nil {
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
	owners, err := c.owners(context.WithoutCancel(ctx), account, store, ids)
	if err != nil {
		c.c.Report(ctx, err)
		return
	}
	for tenant, ids := range owners {
		lost := objects{place: place{account, tenant}, store: store, ids: ids}
		c.record(ctx, lost.keys(), c.dropping(lost))
	}
}

// owners gives which of the objects each tenant made, as far as that is counted.
func (c *Client) owners(ctx context.Context, account, store string, ids []string) (map[string][]string, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = ownerKey(account, store, id)
	}
	entries, err := c.c.Records.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	owners := map[string][]string{}
	for key, e := range entries {
		o, _, err := readOwner(e)
		if err != nil {
			return nil, err
		}
		owners[o.Tenant] = append(owners[o.Tenant], strings.TrimPrefix(key, ownersKey(account, store)))
	}
	return owners, nil
}

// objects are some that a tenant made: secrets of a store, or stores where store
// is empty.
type objects struct {
	place

	store string
	ids   []string
}

func (o objects) kind() kind {
	if o.store == "" {
		return stores
	}
	return secrets
}

// keys are the records that say that the tenant has the objects.
func (o objects) keys() []string {
	keys := []string{tenantKey(o.account, o.tenant)}
	for _, id := range o.ids {
		keys = append(keys, ownerKey(o.account, o.store, id))
	}
	return keys
}

// dropping takes those of the objects out of the count of their tenant that are
// still in it when it is asked.
func (c *Client) dropping(lost objects) records.Decide {
	return func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		key := tenantKey(lost.account, lost.tenant)
		h, err := readHolding(now[key], c.c.Clock())
		if err != nil {
			return nil, err
		}
		changes := map[string]*records.Entry{}
		for _, id := range lost.ids {
			object := ownerKey(lost.account, lost.store, id)
			o, counted, err := readOwner(now[object])
			if err != nil {
				return nil, err
			}
			if counted && o.Tenant == lost.tenant {
				n := h.count(lost.kind())
				*n = max(0, *n-1)
				changes[object] = nil
			}
		}
		changes[key] = h.entry()
		return changes, nil
	}
}
