package server

import (
	"cmp"
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/inflight"
	"platform.internal/storekeeper/internal/scope"
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
func rememberNames(c *Chain) grpc.UnaryServerInterceptor {
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
		if err := c.rememberRepeat(ctx, info.FullMethod, n, request); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// rememberRepeat is rememberNames for a call that may repeat an earlier call.
func (c *Chain) rememberRepeat(ctx context.Context, method string, n changeKey, request proto.Message) error {
	call, err := c.callOf(ctx, method, n, request, nil)
	if err != nil {
		// The request holds text that is not UTF-8. The rights, and validate, refuse it.
		return nil //nolint:nilerr // see above
	}
	t := auditFrom(ctx)
	t.call, t.repeatable = call, &repeatable{chain: c, method: method, key: n, request: request, call: call}
	_, err = t.repeatable.recallNames(ctx)
	return err
}

// repeatable is a call that may repeat an earlier call.
type repeatable struct {
	chain   *Chain
	method  string
	key     changeKey
	request proto.Message
	call    *idempotency.Call
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
	before, known := c.Idempotency.Coordinator.Peek(ctx, r.call)
	if !known {
		return false, nil
	}
	c.Rights.Names.Remember(account, about.StoreID, before.Names)
	if nameDiffers(r.request, before.Names) {
		var call *idempotency.Call
		if call, err = c.callOf(ctx, r.method, r.key, r.request, before.Names); call != nil {
			*r.call = *call
		}
	}
	return true, err
}

// idempotent makes a change happen once: a repeat gets the answer of the first call, or waits for
// the answer. A running change continues if the caller leaves.
func idempotent(c *Chain) grpc.UnaryServerInterceptor {
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
			return nil, c.Idempotency.Coordinator.Check(ctx, *call)
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
func (c *Chain) changeOf(
	ctx context.Context, method string, m *contract.Method, request proto.Message, s *sharedChange,
) (*idempotency.Call, error) {
	t := auditFrom(ctx)
	s.ctx, s.audit = ctx, t
	if t.incomplete {
		return nil, fault.New(fault.Denied, fault.ReasonNotAllowed, "The call is about objects that cannot be judged.")
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

// callFor returns the call found by rememberNames, or describes the call.
func (c *Chain) callFor(ctx context.Context, method string, request proto.Message) (*idempotency.Call, error) {
	t := auditFrom(ctx)
	if t.call != nil {
		return t.call, nil
	}
	n, err := changeKeyOf(ctx, request)
	if err != nil {
		return nil, err
	}
	t.call, err = c.callOf(ctx, method, n, request, nil)
	return t.call, err
}

// callOf describes a call, so that a repeat is recognised. names holds known names of secrets by
// identifier (see canonical).
func (c *Chain) callOf(ctx context.Context, method string, n changeKey, request proto.Message, names map[string]string) (*idempotency.Call, error) {
	account, _ := c.Rights.Names.Account(auditFrom(ctx).targetOf(c.Rights.Methods[method], request).Account)
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(canonical(request, account, names))
	if err != nil {
		return nil, err
	}
	return &idempotency.Call{
		Caller: callerName(ctx), Key: n.key, Retry: n.retry, Method: method, Payload: payload,
		Deletes: n.retry && c.Rights.deletes(request),
	}, nil
}

func callerName(ctx context.Context) string {
	caller, _ := authn.PrincipalFrom(ctx)
	return caller.Name
}

// deletes reports whether a request only deletes objects.
func (r *Rights) deletes(request proto.Message) bool {
	op := r.opOf(request)
	return op.Deletes()
}
