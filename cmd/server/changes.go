package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/settle"
	"platform.internal/storekeeper/internal/spending"
	"platform.internal/storekeeper/internal/tenant"
)

// admitChange refuses what the budget or the tenant's own quota would refuse,
// before anything is written and before the change waits for others.
func admitChange(p *spending.Budgets, limits *quota.Counter) func(context.Context, string, contract.Target) error {
	return func(ctx context.Context, account string, about contract.Target) error {
		if err := affordable(ctx, p, account, about); err != nil {
			return err
		}
		ch := quota.Change{Account: account, Tenant: tenant.From(ctx), StoreID: about.StoreID, Secrets: len(about.Secrets)}
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
func beforeChange(s *settle.Settler, p *spending.Budgets) func(context.Context, string, contract.Target) ([]byte, error) {
	return func(ctx context.Context, account string, about contract.Target) ([]byte, error) {
		// It may have waited for others since it was admitted.
		if err := affordable(ctx, p, account, about); err != nil {
			return nil, err
		}
		ctx = change.With(ctx, &change.Attempt{Urged: idempotency.Urged(ctx)})
		op := &change.Op{Account: account, StoreID: about.StoreID, StoreName: about.StoreName, SecretIDs: about.SecretIDs}
		for _, one := range about.Secrets {
			op.Secrets = append(op.Secrets, change.NewSecret{Name: one.Name})
		}
		b, err := s.Baseline(ctx, op)
		if err != nil {
			return nil, err
		}
		return json.Marshal(b)
	}
}

// inOperation tells those who send a change what is known of it: what was there
// before, whether it is still ours, and whether anybody waits for it.
func inOperation(ctx context.Context) context.Context {
	op := idempotency.OperationFrom(ctx)
	if op == nil {
		return ctx
	}
	a := &change.Attempt{
		Op: change.Op{Caller: op.Intent.Caller, Tenant: op.Intent.Tenant},
		ID: op.Intent.ID, Held: op.Held, Life: ctx, Wanted: idempotency.Wanted(ctx), Urged: idempotency.Urged(ctx),
	}
	// A baseline that cannot be read is none, and everything older than now
	// counts as somebody else's.
	_ = json.Unmarshal(op.Intent.Baseline, &a.Baseline)
	return change.With(ctx, a)
}

// recoverer finds out what became of a change whose process is gone: it makes
// the call of the intent again, with everything but the sending.
type recoverer struct {
	service secretsstorev1.SecretsStoreServiceServer
}

func (r recoverer) recover(ctx context.Context, i idempotency.Intent) ([]byte, error) {
	request, err := server.Unpack(i.Request)
	if err != nil {
		return nil, err
	}
	if u, ok := request.(*secretsstorev1.UpdateSecretRequest); ok {
		// Whether a secret that is gone had the name says nothing of the change.
		u.Name = nil
	}
	a := &change.Attempt{ID: i.ID, InspectOnly: true}
	if op := idempotency.OperationFrom(ctx); op != nil {
		a.NotBefore = op.Ended
	}
	if err := json.Unmarshal(i.Baseline, &a.Baseline); err != nil {
		return nil, err
	}
	answer, err := r.call(change.With(tenant.With(ctx, i.Tenant), a), i.Method, request)
	switch {
	case err == nil:
		if op := idempotency.OperationFrom(ctx); op != nil {
			op.Made = server.CreatedIDs(answer)
		}
		return server.Pack(answer)
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

// call runs a method of the service without the chain: who may do it was settled
// when the intent was made.
func (r recoverer) call(ctx context.Context, method string, request proto.Message) (proto.Message, error) {
	for _, m := range secretsstorev1.SecretsStoreService_ServiceDesc.Methods {
		if !strings.HasSuffix(method, "/"+m.MethodName) {
			continue
		}
		out, err := m.Handler(r.service, ctx, func(into any) error {
			to, ok := into.(proto.Message)
			if !ok {
				return errUnknownMethod
			}
			proto.Merge(to, request)
			return nil
		}, nil)
		if err != nil {
			return nil, err
		}
		answer, _ := out.(proto.Message)
		return answer, nil
	}
	return nil, errUnknownMethod
}

var errUnknownMethod = fault.New(fault.Internal, "INTERNAL", "An intent names a method that does not exist.")
