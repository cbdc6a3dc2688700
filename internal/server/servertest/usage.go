package servertest

import (
	"cmp"
	"context"
	"hash/fnv"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/operator"
	"platform.internal/storekeeper/internal/self"
)

// usage replaces quotas and budgets, which a Gate does not have. Each tenant has distinct numbers,
// so that tests can tell tenants apart.
func usage(_ context.Context, account, tenant string) (self.Usage, error) {
	return self.Usage{Calls: UsageOf(account, tenant), Stores: &self.Quota{Used: UsageOf(account, tenant), Limit: UsageOf(account, tenant)}}, nil
}

// UsageOf returns the number of a tenant in an account.
func UsageOf(account, tenant string) int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(account + "\x00" + tenant)) // a hash never fails
	return int(sum.Sum32() >> 1)
}

// operators replaces the state of a running Storekeeper.
func operators(callers []authn.Principal) *operator.Service {
	return operator.NewService(operator.Config{
		Status: func(context.Context) operator.Status { return operator.Status{} },
		Checks: func(context.Context) []operator.Check { return nil },
		Tenants: func(context.Context) ([]operator.Tenant, error) {
			list := make([]operator.Tenant, len(callers))
			for i, p := range callers {
				list[i] = operator.Tenant{ID: p.Payer(), Name: cmp.Or(p.Tenant, p.Name)}
			}
			return list, nil
		},
		Usage: usage, Accounts: []string{Main, Other},
	})
}
