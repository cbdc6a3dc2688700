package server

import (
	"cmp"
	"context"
	"encoding/json"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/inflight"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
)

// Idempotency makes a change happen once, however often the request is repeated.
type Idempotency struct {
	// Coordinator holds the finished and running changes and commits their audit records.
	Coordinator *idempotency.Coordinator
	// Before returns the state before a change, for reconciliation.
	Before func(ctx context.Context, op *change.Op) (change.Baseline, error)
	// Reserve returns the quota reservation of a change, or nil. If Reserve is nil, no change has a
	// reservation.
	Reserve func(op *change.Op) idempotency.Reservation
	// Admit returns an error if a change cannot be made now, before the change waits for other
	// changes. If nil, every change may wait.
	Admit func(ctx context.Context, op *change.Op) error
	// Durable limits the bytes that the changes of a tenant write. Nil means no limit.
	Durable *Durable
}

// rememberNames loads the names of the objects of a repeated change from its record. Rules use
// names, and an object that the first call deleted has no name at Cloudflare any more.
func rememberNames(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		m, request := c.Rights.Methods[info.FullMethod], asMessage(req)
		if m == nil || !m.Changes || m.ByName || request == nil {
			return next(ctx, req)
		}
		// validate refuses an invalid key.
		n, err := changeKeyOf(ctx, req)
		if err != nil {
			return next(ctx, req)
		}
		if n.key == "" && !n.retry {
			return c.firstTry(ctx, info.FullMethod, request, next)
		}
		r := &repeatable{chain: &c, method: info.FullMethod, key: n, request: request}
		if r.call, err = c.callOf(ctx, info.FullMethod, n, request, nil); err != nil {
			// The request holds text that is not UTF-8. The rights, and validate, refuse it.
			return next(ctx, req)
		}
		t := auditFrom(ctx)
		t.call, t.repeatable = &r.call, r
		if _, err := r.recallNames(ctx); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// repeatable is a call that may repeat an earlier call.
type repeatable struct {
	chain   *Chain
	method  string
	key     changeKey
	request proto.Message
	call    idempotency.Call
}

// recallNames loads the names of the objects of a change from the record of an equal call, and
// describes the call by these names. known is false if there is no record.
func (r *repeatable) recallNames(ctx context.Context) (known bool, err error) {
	c := r.chain
	about := auditFrom(ctx).targetOf(c.Rights.Methods[r.method], r.request)
	account, served := c.Rights.Names.Account(about.Account)
	if !served {
		return false, nil
	}
	before, known := c.Idempotency.Coordinator.Peek(ctx, &r.call)
	if !known {
		return false, nil
	}
	c.Rights.Names.Remember(account, about.StoreID, before.Names)
	if nameDiffers(r.request, before.Names) {
		r.call, err = c.callOf(ctx, r.method, r.key, r.request, before.Names)
	}
	return true, err
}

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

// idempotent makes a change happen once: a repeat gets the answer of the first call, or waits for
// the answer. A running change continues if the caller leaves.
func idempotent(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		m, request := c.Rights.Methods[info.FullMethod], asMessage(req)
		if m == nil || !m.Changes || m.ByName || request == nil {
			auditFrom(ctx).dropRequest()
			return next(ctx, req)
		}
		s := &sharedChange{once: &c.Idempotency}
		call, err := c.changeOf(ctx, info.FullMethod, m, request, s)
		auditFrom(ctx).dropRequest()
		if err != nil {
			return nil, err
		}
		inner := auditFrom(ctx).inner
		if inner != nil && inner.DryRun {
			// A dry run writes nothing.
			auditFrom(ctx).bytesCounted = true
			return nil, c.Idempotency.Coordinator.Check(ctx, call)
		}
		s.body = inflight.Retain(ctx)
		defer func() {
			if !s.begun.Load() {
				s.release()
			}
		}()
		answer, err := c.Idempotency.Coordinator.Do(ctx, call, func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			// The request stays in memory until the change is done.
			s.begun.Store(true)
			defer s.release()
			out, err := next(change.With(ctx, attemptOf(ctx, op, s.before)), req)
			if err != nil {
				return nil, inner.failed(err)
			}
			op.Made, op.Remember = auditFrom(ctx).addCreatedIDs(out), inner.remember(out)
			return s.made.pack(out)
		})
		// Reads made by the change do not determine the age of the answer.
		scope.SetFreshness(ctx, scope.Freshness{})
		auditFrom(ctx).replayed = answer.Replayed
		if err != nil {
			return nil, err
		}
		return s.made.unpack(answer.Body)
	}
}

// changeOf describes the change that a request asks for: the locks, the urgency and the reservation. It
// completes s.
func (c Chain) changeOf(
	ctx context.Context, method string, m *contract.Method, request proto.Message, s *sharedChange,
) (idempotency.Call, error) {
	t := auditFrom(ctx)
	s.ctx, s.audit = ctx, t
	if t.incomplete {
		return idempotency.Call{}, fault.New(fault.Denied, fault.ReasonNotAllowed, "The call is about objects that cannot be judged.")
	}
	call, err := c.callFor(ctx, method, request)
	if err != nil {
		return call, err
	}
	about := t.targetOf(m, request)
	objects, names, err := c.lockKeysOf(ctx, t.account, about)
	if err != nil {
		return call, err
	}
	if nameDiffers(request, names) {
		if call, err = c.callOf(ctx, method, changeKey{call.Key, call.Retry}, request, names); err != nil {
			return call, err
		}
	}
	call.Objects = objects
	if len(about.Secrets)+len(about.SecretIDs) > 0 {
		call.Within = []string{storeKey(t.account, about.StoreID)}
	}
	s.op, s.names = c.Rights.opOf(request), names
	op := &s.op
	op.Account, op.Caller, op.Tenant = cmp.Or(t.account, op.Account), t.caller.Name, scope.Tenant(ctx)
	// A change of an existing object is urgent.
	call.Urgent = !op.Creates()
	if c.Fingerprint != nil {
		t.fingerprint(contract.Values(request), c.Fingerprint)
	}
	if c.Idempotency.Reserve != nil {
		call.Reservation = c.Idempotency.Reserve(op)
	}
	call.Description = s
	return call, nil
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

// callFor returns the call found by rememberNames, or describes the call.
func (c Chain) callFor(ctx context.Context, method string, request proto.Message) (idempotency.Call, error) {
	t := auditFrom(ctx)
	if t.call != nil {
		return *t.call, nil
	}
	n, err := changeKeyOf(ctx, request)
	if err != nil {
		return idempotency.Call{}, err
	}
	call, err := c.callOf(ctx, method, n, request, nil)
	if err == nil {
		t.call = &call
	}
	return call, err
}

// callOf describes a call, so that a repeat is recognised. names holds known names of secrets by
// identifier (see canonical).
func (c Chain) callOf(ctx context.Context, method string, n changeKey, request proto.Message, names map[string]string) (idempotency.Call, error) {
	caller, _ := authn.PrincipalFrom(ctx)
	account, _ := c.Rights.Names.Account(auditFrom(ctx).targetOf(c.Rights.Methods[method], request).Account)
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(canonical(request, account, names))
	call := idempotency.Call{Caller: caller.Name, Key: n.key, Retry: n.retry, Method: method, Payload: payload}
	if n.retry {
		op := c.Rights.opOf(request)
		call.Deletes = op.Deletes()
	}
	return call, err
}

// Intent returns the request without values, and the state before the change, which it also stores in s. It
// implements idempotency.Description.
func (s *sharedChange) Intent(ctx context.Context, urged <-chan struct{}) (idempotency.Intent, error) {
	ctx = change.With(ctx, &change.Attempt{Urged: urged})
	t, op := s.audit, &s.op
	// The audit records use the identifier of the change, so that the outcome of a recovery is
	// linked to the intent.
	t.addNames(s.names)
	f := telemetry.CallFrom(ctx).Facts()
	i := idempotency.Intent{
		ID: t.recordID(), RequestID: f.RequestID, TraceID: f.TraceID, Method: f.Method, Caller: op.Caller, Tenant: op.Tenant, TenantName: tenantName(&t.caller), Names: t.knownNames(s.names),
	}
	i.Audit = []audit.Record{t.record(ctx)}
	var err error
	if i.Op, err = json.Marshal(op); err != nil {
		return i, err
	}
	if s.once.Before != nil {
		if s.before, err = s.once.Before(ctx, op); err != nil {
			return i, err
		}
		if err = t.inner.check(s.before); err != nil {
			return i, err
		}
		if i.Baseline, err = json.Marshal(&s.before); err != nil {
			return i, err
		}
	}
	if t.bytesCounted {
		return i, nil
	}
	// intentOf may be called several times. The bytes are counted once.
	t.bytesCounted = true
	return i, s.once.Durable.take(i.Tenant, durableBytes(i, len(op.SecretIDs)+len(op.Secrets)))
}
