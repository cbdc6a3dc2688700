package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/settle"
	"platform.internal/storekeeper/internal/spending"
)

// admitChange refuses what the budget or the tenant's own quota would refuse,
// before anything is written and before the change waits for others.
func admitChange(p *spending.Budgets, limits *quota.Counter) func(context.Context, string, contract.Target) error {
	return func(ctx context.Context, account string, about contract.Target) error {
		if err := affordable(ctx, p, account, about); err != nil {
			return err
		}
		ch := quota.Change{Account: account, Tenant: scope.Tenant(ctx), StoreID: about.StoreID, Secrets: len(about.Secrets)}
		if about.StoreName != "" {
			ch.Stores = 1
		}
		return limits.Check(ctx, ch)
	}
}

// affordable gives the fault that the budget would refuse a change with.
func affordable(ctx context.Context, p *spending.Budgets, account string, about contract.Target) error {
	return p.Check(ctx, account, len(about.Secrets) == 0 && about.StoreName == "")
}

// beforeChange takes down what is there before a change, as the durable intent
// keeps it.
func beforeChange(s *settle.Settler, p *spending.Budgets) func(context.Context, *change.Op, <-chan struct{}) ([]byte, error) {
	return func(ctx context.Context, op *change.Op, urged <-chan struct{}) ([]byte, error) {
		// It may have waited for others since it was admitted.
		if err := p.Check(ctx, op.Account, !op.Creates()); err != nil {
			return nil, err
		}
		b, err := s.Baseline(change.With(ctx, &change.Attempt{Urged: urged}), op)
		if err != nil {
			return nil, err
		}
		return json.Marshal(b)
	}
}

// withAttempt tells those who send a change what is known of it: what was there
// before, whether it is still ours, and whether anybody waits for it.
func withAttempt(ctx context.Context, op *idempotency.Operation) context.Context {
	a := &change.Attempt{
		Op: change.Op{Caller: op.Intent.Caller, Tenant: op.Intent.Tenant},
		ID: op.Intent.ID, Held: op.Held, Life: ctx, Wanted: op.Wanted, Urged: op.Urged,
	}
	// A baseline that cannot be read is none, and everything older than now
	// counts as somebody else's.
	_ = json.Unmarshal(op.Intent.Baseline, &a.Baseline)
	return change.With(ctx, a)
}

// recoverer finds out what became of a change whose process is gone: the change
// of the intent goes through the steps again, and nothing is sent.
type recoverer struct{ apply change.Next }

func (r recoverer) recover(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
	a := &change.Attempt{ID: op.Intent.ID, InspectOnly: true, NotBefore: op.Ended}
	if err := json.Unmarshal(op.Intent.Op, &a.Op); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(op.Intent.Baseline, &a.Baseline); err != nil {
		return nil, err
	}
	result, err := r.apply(scope.WithTenant(ctx, op.Intent.Tenant), a)
	switch {
	case err == nil:
		if a.Op.Creates() {
			op.Made = result.IDs()
		}
		return server.Pack(service.Response(a.Op.Kind, result))
	case errors.Is(err, settle.ErrNeverThere):
		// The one refusal that is proved by looking.
		return nil, err
	case errors.Is(err, settle.ErrNotDone):
		return nil, idempotency.ErrNotDone
	case errors.Is(err, settle.ErrUnproven), definite(err):
		// A refusal of the looking itself, as of an account that is not served any
		// more, says nothing of the change, and would not change by waiting.
		return nil, fmt.Errorf("%w: %w", idempotency.ErrUnproven, err)
	}
	return nil, err
}

// definite says whether a fault is one that asking again would give again.
func definite(err error) bool {
	switch fault.From(err).Kind {
	case fault.BadInput, fault.TooLarge, fault.NotFound, fault.NameTaken, fault.LimitReached, fault.NotEmpty:
		return true
	default:
		return false
	}
}
