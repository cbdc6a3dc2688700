package main

import (
	"cmp"
	"context"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

// affordable returns the fault that the budget would refuse a change with, before
// anything is written and before the change waits for others.
func (e *engine) affordable(ctx context.Context, op *change.Op) error {
	return e.budgets.Check(ctx, op.Account, !op.Creates())
}

// before reads the state before a change.
func (e *engine) before(ctx context.Context, op *change.Op) (change.Baseline, error) {
	// The change may have waited for others since the first check of the budget.
	if err := e.affordable(ctx, op); err != nil {
		return change.Baseline{}, err
	}
	return e.reconciler.Baseline(ctx, op)
}

// reserve returns the quota reservation of a change, or nil if the change needs none.
func (e *engine) reserve(op *change.Op) idempotency.Reservation {
	r := e.quotas.Reserve(quota.Of(op))
	if r == nil {
		return nil
	}
	return quotaReservation{r}
}

// quotaReservation is that of a quota, as package idempotency asks for it.
type quotaReservation struct{ *quota.Reservation }

func (r quotaReservation) Release(ctx context.Context, ended idempotency.Ended) (idempotency.Release, error) {
	return r.Reservation.Release(ctx, quota.Ended(ended))
}

// release returns the update of the quota counts at the end of a change, from the
// note of the reservation.
func (e *engine) release(ctx context.Context, note []byte, ended idempotency.Ended) (idempotency.Release, error) {
	return e.quotas.Release(ctx, note, quota.Ended(ended))
}

// quotaStates returns the quotas of tenants for the metrics.
func (e *engine) quotaStates() ([]telemetry.QuotaState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	list, err := e.quotas.Usage(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, a := range e.cloudflare.Accounts() {
		names[a.ID] = a.Name
	}
	var states []telemetry.QuotaState
	for _, u := range list {
		for kind, of := range map[string]struct {
			used  int
			limit *int
		}{"stores": {u.Stores, u.Limit.Stores}, "secrets": {u.Secrets, u.Limit.Secrets}} {
			if of.limit != nil {
				states = append(states, telemetry.QuotaState{Account: cmp.Or(names[u.Account], u.Account), Tenant: u.Tenant, Kind: kind, Used: of.used, Limit: *of.limit})
			}
		}
	}
	return states, nil
}

// ownQuota makes of the quota of an account that of the caller's tenant.
func (e *engine) ownQuota(ctx context.Context, account string, q upstream.Quota) (upstream.Quota, error) {
	return e.quotas.Own(ctx, account, scope.Tenant(ctx), q)
}
