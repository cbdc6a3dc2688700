package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/budget"
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
func admitChange(p *spending.Budgets, limits *quota.Client) func(context.Context, string, contract.Target) error {
	return func(ctx context.Context, account string, about contract.Target) error {
		if err := affordable(ctx, p, account, about); err != nil {
			return err
		}
		if about.StoreName != "" {
			return limits.CheckStores(ctx, account, 1)
		}
		return limits.CheckSecrets(ctx, account, len(about.Secrets))
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
		ctx = budget.WithUrgency(ctx, idempotency.Urged(ctx))
		target := settle.Target{Account: account, StoreID: about.StoreID, StoreName: about.StoreName, SecretIDs: about.SecretIDs}
		for _, one := range about.Secrets {
			target.SecretNames = append(target.SecretNames, one.Name)
		}
		b, err := s.Baseline(ctx, target)
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
	o := &settle.Operation{ID: op.Intent.ID, Held: op.Held}
	// A baseline that cannot be read is none, and everything older than now
	// counts as somebody else's.
	_ = json.Unmarshal(op.Intent.Baseline, &o.Baseline)
	ctx = budget.WithUrgency(budget.WithPatience(ctx, idempotency.Wanted(ctx)), idempotency.Urged(ctx))
	return settle.WithOperation(ctx, o)
}

// stillOurs says, when it is a change's turn, why it must not be sent any more:
// while it waited, another replica may have taken it over.
func stillOurs(ctx context.Context) error {
	op := idempotency.OperationFrom(ctx)
	if op == nil || op.Held() {
		return nil
	}
	f := fault.New(fault.Unavailable, "STATE_UNAVAILABLE", "The change was not sent, since its record cannot be kept at the moment.")
	f.RetryAfter = time.Second
	return f
}

// callerOf names who asked for a change, "" where nobody did.
func callerOf(ctx context.Context) string {
	if op := idempotency.OperationFrom(ctx); op != nil {
		return op.Intent.Tenant + "/" + op.Intent.Caller
	}
	return ""
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
	o := &settle.Operation{ID: i.ID, InspectOnly: true}
	if op := idempotency.OperationFrom(ctx); op != nil {
		o.NotBefore = op.Ended
	}
	if err := json.Unmarshal(i.Baseline, &o.Baseline); err != nil {
		return nil, err
	}
	ctx = context.WithValue(tenant.With(ctx, i.Tenant), recoveryKey{}, i.ID)
	answer, err := r.call(settle.WithOperation(ctx, o), i.Method, request)
	switch {
	case err == nil:
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

type recoveryKey struct{}

// recovering says whether a call only finds out what became of a change.
func recovering(ctx context.Context) bool { return ctx.Value(recoveryKey{}) != nil }

// operationID names the change that a call belongs to, "" outside one.
func operationID(ctx context.Context) string {
	if op := idempotency.OperationFrom(ctx); op != nil {
		return op.Intent.ID
	}
	id, _ := ctx.Value(recoveryKey{}).(string)
	return id
}
