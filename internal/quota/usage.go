package quota

import (
	"context"
	"strings"

	"platform.internal/storekeeper/internal/store"
)

// Count is what a tenant has of an account, and what it may have.
type Count struct {
	// Account is the identifier of the account.
	Account string
	// Tenant is the id of the tenant.
	Tenant string
	// Stores and Secrets are how many of each the tenant has and is about to make.
	Stores, Secrets int
	// Limit is the limit of the tenant.
	Limit Limit
}

// UsageOf returns what one tenant has of an account, and false if it has no limit
// there. Errors are those of the store.
func (c *Counter) UsageOf(ctx context.Context, account, tenant string) (Count, bool, error) {
	id, counted := c.counted(account)
	if !counted {
		return Count{}, false, nil
	}
	limit, limited := c.c.Limits(id, tenant)
	if !limited {
		return Count{}, false, nil
	}
	key := tenantKey(id, tenant)
	found, err := c.c.Store.Get(ctx, key)
	if err != nil {
		return Count{}, false, err
	}
	h, err := readHolding(found[key])
	return Count{Account: id, Tenant: tenant, Stores: h.used(stores), Secrets: h.used(secrets), Limit: limit}, true, err
}

// Usage lists what tenants with a limit have. A tenant that has nothing is not in
// the list. Errors are those of the store.
func (c *Counter) Usage(ctx context.Context) ([]Count, error) {
	var list []Count
	err := c.c.Store.Scan(ctx, tenantPrefix, func(key string, r store.Record) error {
		account, tenant, _ := strings.Cut(strings.TrimPrefix(key, tenantPrefix), "/")
		limit, ok := c.c.Limits(account, tenant)
		if !ok {
			return nil
		}
		h, err := readHolding(r)
		if err != nil {
			return err
		}
		list = append(list, Count{Account: account, Tenant: tenant, Stores: h.used(stores), Secrets: h.used(secrets), Limit: limit})
		return nil
	})
	return list, err
}
