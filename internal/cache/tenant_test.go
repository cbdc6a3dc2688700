package cache_test

import (
	"context"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// miser refuses the listings of one tenant, and listings that end with a caller.
type miser struct {
	*upstream.Client
	refused string
}

func (m *miser) ListSecrets(ctx context.Context, p upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	if scope.Tenant(ctx) == m.refused || change.From(ctx).Wanted != nil || change.From(ctx).Permit != nil {
		return upstream.Answer[[]upstream.Secret]{}, fault.New(fault.Throttled, "BUDGET_SPENT", "No call is left.")
	}
	return m.Client.ListSecrets(ctx, p)
}

func TestABudgetThatIsSpentIsThatOfOneTenant(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, _ := w.cache(func(c *cache.Config) { c.Reader = &miser{Client: w.direct, refused: "hog"} })
	read := func(who string) (stale bool, err error) {
		got, err := freshness(t, func(ctx context.Context) error {
			ctx = change.With(scope.WithTenant(ctx, who), &change.Attempt{Wanted: ctx, Permit: &budget.Permit{}})
			_, err := client.ListSecrets(ctx, all(store))
			return err
		})
		return got.Stale, err
	}
	if _, err := read("hog"); kindOf(err) != fault.Throttled {
		t.Errorf("the hog got %v", err)
	}
	if _, err := read("polite"); err != nil {
		t.Error(err)
	}
	w.clock.move(time.Hour)
	if stale, err := read("hog"); err != nil || !stale {
		t.Errorf("the hog got a stale answer: %t, %v", stale, err)
	}
	if stale, err := read("polite"); err != nil || stale {
		t.Errorf("the polite one got a stale answer: %t, %v", stale, err)
	}
}
