package server

import (
	"context"
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/scope"
)

// attemptOf describes a change to the steps that send the change: the state before the change,
// whether this process still owns the change, and whether any caller waits for the change.
func attemptOf(ctx context.Context, op *idempotency.Operation, before change.Baseline) *change.Attempt {
	return &change.Attempt{
		Op: change.Op{Caller: op.Intent.Caller, Tenant: op.Intent.Tenant},
		ID: op.Intent.ID, Held: op.Held, Life: ctx, Wanted: op.Wanted, Urged: op.Urged,
		Baseline: before,
	}
}

// Recovery determines the outcome of changes whose process has ended.
type Recovery struct {
	// Inspect is the function Inspect of change.Changer.
	Inspect change.Next
	// Response makes the answer of a change from its kind and result.
	Response func(change.Kind, change.Result) proto.Message
}

// Recover returns the answer of a change. Errors are the errors of change.Changer.Inspect. Recover
// implements a field of idempotency.Config.
func (r Recovery) Recover(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
	a := &change.Attempt{ID: op.Intent.ID, NotBefore: op.Ended}
	if err := json.Unmarshal(op.Intent.Op, &a.Op); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(op.Intent.Baseline, &a.Baseline); err != nil {
		return nil, err
	}
	result, err := r.Inspect(scope.WithTenant(ctx, op.Intent.Tenant), a)
	if err != nil {
		return nil, err
	}
	if a.Op.Creates() {
		op.Made = result.IDs()
	}
	return Pack(r.Response(a.Op.Kind, result))
}

// The reasons of outcomes written by recovery. The outcome is failed only for a refusal that the
// look at Cloudflare proves. The absence of an effect does not prove that the change was not made:
// Cloudflare may execute a request late, and another client may have deleted the created object.
const (
	// reasonRecovered means that the effect of the change was found.
	reasonRecovered = "RECOVERED"
	// reasonNotSeen means that no effect of the change was found.
	reasonNotSeen = "NOT_SEEN"
	// reasonUnproven means that the effect of the change is invisible, as of a value, or only
	// partly found.
	reasonUnproven = "UNPROVEN"
)

// Found returns the audit record of the outcome of a recovered change, from the answer or the error
// of Recover. Found implements a field of idempotency.Config.
func (r *Rights) Found(i idempotency.Intent, answer []byte, err error) audit.Record {
	record := r.Recovered(i, answer)
	switch {
	case err == nil:
		record.Outcome, record.Reason = audit.Succeeded, reasonRecovered
	case errors.Is(err, change.ErrUnproven):
		record.Outcome, record.Reason = audit.Unknown, reasonUnproven
	case errors.Is(err, change.ErrNotDone):
		record.Outcome, record.Reason = audit.Unknown, reasonNotSeen
	case errors.Is(err, change.ErrNeverThere):
		record.Outcome, record.Reason = audit.Failed, fault.From(err).Reason
	default:
		record.Outcome, record.Reason = audit.Unknown, fault.From(err).Reason
	}
	return record
}
