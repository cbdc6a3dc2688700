package quota

import (
	"context"
	"strings"

	"platform.internal/storekeeper/internal/store"
)

// Count is the usage and the limit of a tenant in an account.
type Count struct {
	// Account is the identifier of the account.
	Account string
	// Tenant is the id of the tenant.
	Tenant string
	// Stores and Secrets are the numbers of objects and reserved places of the tenant.
	Stores, Secrets int
	// Limit is the limit of the tenant.
	Limit Limit
}

// UsageOf returns the usage of one tenant in an account, and false if the tenant has no limit there. Errors
// are those of the store.
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

// Usage lists the usage of tenants with a limit. It omits tenants without objects. Errors are those of the
// store.
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
