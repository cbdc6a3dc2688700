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

// attemptOf tells those who send a change what is known of it: what was there
// before, whether this process still owns the change, and whether anybody waits
// for it.
func attemptOf(ctx context.Context, op *idempotency.Operation, before change.Baseline) *change.Attempt {
	return &change.Attempt{
		Op: change.Op{Caller: op.Intent.Caller, Tenant: op.Intent.Tenant},
		ID: op.Intent.ID, Held: op.Held, Life: ctx, Wanted: op.Wanted, Urged: op.Urged,
		Baseline: before,
	}
}

// Recovery finds out what became of changes whose process is gone.
type Recovery struct {
	// Inspect is that of change.Steps.
	Inspect change.Next
	// Response is the answer of a change of a kind with a result.
	Response func(change.Kind, change.Result) proto.Message
}

// Recover returns the answer of a change. Its errors are those of
// change.Steps.Inspect. It fits idempotency.Config.
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

// The reasons of outcomes that recovery writes. None but a refusal that looking
// proves goes with the outcome failed: that nothing of a change is seen does not
// prove that the change was not made. Cloudflare may carry out a request late, and
// an outsider may have deleted what the change made.
const (
	// reasonRecovered is that of a change that is seen to be made.
	reasonRecovered = "RECOVERED"
	// reasonNotSeen is that of a change of which nothing is seen.
	reasonNotSeen = "NOT_SEEN"
	// reasonUnproven is that of a change that cannot be seen, as a value, or of
	// which a part is seen.
	reasonUnproven = "UNPROVEN"
)

// Found is the audit record of the outcome of a change that recovery has found,
// from the answer or the error of Recover. It fits idempotency.Config.
func (r Rights) Found(i idempotency.Intent, answer []byte, err error) audit.Record {
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
