package spending

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/upstream"
)

// WholeSeconds is wholeSeconds, for tests.
func WholeSeconds(d time.Duration) int { return wholeSeconds(d) }

// UrgentOperation is whether an operation goes in the urgent lane.
func (b *Budgets) UrgentOperation(ctx context.Context, operation string) bool {
	return b.urgent(ctx, operation)
}

// Of is the budget of an account.
func (b *Budgets) Of(account string) *Credential { return b.byAccount[account] }

// ResultOf is resultOf, for tests.
func ResultOf(a upstream.Attempt) budget.Result { return resultOf(a) }

// Want is want, for tests.
type Want = demand

// Allocate is allocate, for tests.
func Allocate(calls int, wants []Want, weight func(string) float64) []int {
	return allocate(calls, wants, weight)
}
