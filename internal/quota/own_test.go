package quota_test

import (
	"context"
	"testing"

	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// figures are the secrets that a tenant is told of, used and allowed.
func figures(ctx context.Context, t *testing.T, c *counted) upstream.QuotaUsage {
	t.Helper()
	a, err := c.next.Quota(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	own, err := c.Own(ctx, "main", scope.Tenant(ctx), a.Result)
	if err != nil {
		t.Fatal(err)
	}
	return own.Secrets
}

func TestATenantWithAQuotaSeesItsOwn(t *testing.T) {
	f := newCloudflare(100)
	limit := 3
	c := client(f, newMemory(), []quota.Rule{{Tenant: "a", Limit: quota.Limit{Secrets: &limit}}})
	f.fill(10)
	must(t, c, "a", 2)
	must(t, c, "b", 4)
	if got := figures(as("a"), t, c); got.Quota != 3 || got.Usage != 2 {
		t.Errorf("the tenant with a quota sees %+v", got)
	}
	for _, who := range []context.Context{as("b"), context.Background()} {
		if got := figures(who, t, c); got.Quota != 100 || got.Usage != 16 {
			t.Errorf("one without a quota sees %+v", got)
		}
	}
	refused(t, c, "a", 2)
}
