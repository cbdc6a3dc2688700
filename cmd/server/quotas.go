package main

import (
	"context"

	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// quotaChange is what a call does to the counts of quotas.
func quotaChange(ctx context.Context, account, action string, about contract.Target) quota.Change {
	ch := quota.Change{Account: account, Tenant: scope.Tenant(ctx), StoreID: about.StoreID, Secrets: len(about.Secrets)}
	switch action {
	case "store.create":
		ch.Stores = 1
	case "store.delete":
		ch.DeletesStore = true
	case "secret.delete":
		ch.Deletes = about.SecretIDs
	}
	return ch
}

// reserve returns what a change takes of quotas, nil for nothing.
func (e *engine) reserve(ctx context.Context, account, action string, about contract.Target) idempotency.Reservation {
	if r := e.quotas.Reserve(quotaChange(ctx, account, action, about)); r != nil {
		return r
	}
	return nil
}

// release returns what the end of a change does to the counts of quotas.
func (e *engine) release(ctx context.Context, i idempotency.Intent, ended idempotency.Ended) (idempotency.Release, error) {
	if len(i.Reserved) == 0 {
		return nil, nil //nolint:nilnil // Nothing to give back is a plain answer.
	}
	return e.quotas.Release(ctx, i.Reserved, quota.Ended(ended))
}

// ownQuota makes of the quota of an account that of the caller's tenant.
func (e *engine) ownQuota(ctx context.Context, account string, q upstream.Quota) (upstream.Quota, error) {
	return e.quotas.Own(ctx, account, scope.Tenant(ctx), q)
}
