package server

import (
	"context"
	"encoding/json"
	"sync/atomic"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/inflight"
	"platform.internal/storekeeper/internal/telemetry"
)

// sharedChange is a change that the call shares with the goroutine of the change. It is the description of the
// change for the Coordinator.
type sharedChange struct {
	once *Idempotency
	// ctx is the context of the call.
	ctx   context.Context //nolint:containedctx // the audit record of the outcome has facts of the call
	audit *auditContext
	op    change.Op
	// names are the names of the existing secrets by identifier.
	names map[string]string
	// before is the state before the change. It is set when the intent is made.
	before change.Baseline
	// begun reports that the change is being made.
	begun atomic.Bool
	// body is the body of the call, until released.
	body     *inflight.Body
	released atomic.Bool
	made     ownAnswer
}

// release frees the bytes of the request. It may be called several times.
func (s *sharedChange) release() {
	if !s.released.Swap(true) {
		s.body.Release()
	}
}

// Admit implements idempotency.Description.
func (s *sharedChange) Admit(ctx context.Context) error {
	if s.once.Admit == nil {
		return nil
	}
	return s.once.Admit(ctx, &s.op)
}

// Outcome implements idempotency.Description.
func (s *sharedChange) Outcome(err error) []audit.Record {
	r := s.audit.record(s.ctx)
	r.Outcome, r.Reason, r.Code = s.audit.outcome(err), reasonOf(err), codeOf(err)
	return []audit.Record{r}
}

// Intent returns the request without values, and the state before the change, which it also stores in s. It
// implements idempotency.Description.
func (s *sharedChange) Intent(ctx context.Context, urged <-chan struct{}) (idempotency.Intent, error) {
	var i idempotency.Intent
	ctx = change.With(ctx, &change.Attempt{Urged: urged})
	s.describe(ctx, &i)
	t, op := s.audit, &s.op
	var err error
	if i.Op, err = json.Marshal(op); err != nil {
		return i, err
	}
	if err = s.readBefore(ctx, &i); err != nil {
		return i, err
	}
	if t.bytesCounted {
		return i, nil
	}
	// Intent may be called several times. The bytes are counted once.
	t.bytesCounted = true
	return i, s.once.Durable.take(i.Tenant, durableBytes(i, len(op.SecretIDs)+len(op.Secrets)))
}

// describe sets the facts of the intent that need no other state.
func (s *sharedChange) describe(ctx context.Context, i *idempotency.Intent) {
	t, op := s.audit, &s.op
	// The audit records use the identifier of the change, so that the outcome of a recovery is
	// linked to the intent.
	t.addNames(s.names)
	f := telemetry.CallFrom(ctx).Facts()
	*i = idempotency.Intent{
		ID: t.recordID(), RequestID: f.RequestID, TraceID: f.TraceID, Method: f.Method, Caller: op.Caller, Tenant: op.Tenant, TenantName: tenantName(&t.caller), Names: t.knownNames(s.names),
	}
	i.Audit = []audit.Record{t.record(ctx)}
}

// readBefore sets the baseline of the intent.
func (s *sharedChange) readBefore(ctx context.Context, i *idempotency.Intent) (err error) {
	if s.once.Before == nil {
		return nil
	}
	if s.before, err = s.once.Before(ctx, &s.op); err != nil {
		return err
	}
	if err = s.audit.inner.check(s.before); err != nil {
		return err
	}
	i.Baseline, err = json.Marshal(&s.before)
	return err
}
