package server

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"sync/atomic"
	"time"

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

// Idempotency is what makes a change happen once, however often it is asked for.
type Idempotency struct {
	// Keeper knows the changes that were made and those that run, and commits
	// their audit records.
	Keeper *idempotency.Keeper
	// Before says what there is before a change, for whoever has to find out
	// what became of it.
	Before func(ctx context.Context, op *change.Op) (change.Baseline, error)
	// Reserve returns what a change takes of limits, nil for nothing. Nil: no
	// change takes anything.
	Reserve func(op *change.Op) idempotency.Reservation
	// Admit says why a change cannot be made now, before it waits for others. Nil:
	// nobody is asked.
	Admit func(ctx context.Context, op *change.Op) error
	// Durable bounds what the changes of a tenant make durable. Nil: nothing
	// does.
	Durable *Durable
}

// rememberNames teaches the directory the names behind a change that comes again: what
// it deleted has no name at Cloudflare any more, and rights are judged by names.
func rememberNames(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		m, request := c.Rights.Methods[info.FullMethod], asMessage(req)
		if m == nil || !m.Changes || request == nil {
			return next(ctx, req)
		}
		// A name that is no good is for validation to refuse.
		n, err := changeKeyOf(ctx, req)
		if err != nil {
			return next(ctx, req)
		}
		if n.key == "" && !n.retry {
			return c.firstTry(ctx, info.FullMethod, request, next)
		}
		call, err := c.callOf(ctx, info.FullMethod, n, request, nil)
		if err != nil {
			return nil, err
		}
		about := m.Target(request)
		if account, served := c.Rights.Names.Account(about.Account); served {
			if before, known := c.Idempotency.Keeper.Peek(ctx, &call); known {
				c.Rights.Names.Remember(account, about.StoreID, before.Names)
				if nameDiffers(request, before.Names) {
					call, err = c.callOf(ctx, info.FullMethod, n, request, before.Names)
				}
			}
		}
		auditFrom(ctx).call = &call
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// forgetTimeout bounds how long a refusal waits for the records to forget an
// older call.
const forgetTimeout = time.Second

// firstTry makes a call without a key that is no repeat. Where it fails in a way
// after which clients repeat it, an older call like it is no answer to that.
func (c Chain) firstTry(ctx context.Context, method string, request proto.Message, next grpc.UnaryHandler) (any, error) {
	came := time.Now()
	out, err := next(ctx, request)
	if err == nil || !repeated(err) {
		return out, err
	}
	call, failed := c.callFor(ctx, method, request)
	if failed == nil {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
		defer cancel()
		c.Idempotency.Keeper.Forget(bounded, call, came)
	}
	return out, err
}

// repeated says whether clients repeat a call by themselves after a fault.
func repeated(err error) bool {
	switch fault.From(err).Kind {
	case fault.Throttled, fault.Unavailable, fault.Deadline, fault.Canceled, fault.Internal, fault.Upstream, fault.NotEmpty:
		return true
	default:
		return false
	}
}

// idempotent makes a change happen once: a call that comes again gets the answer of
// the first, or waits for it. A change that began goes on when its caller leaves.
func idempotent(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		m, request := c.Rights.Methods[info.FullMethod], asMessage(req)
		if m == nil || !m.Changes || request == nil {
			return next(ctx, req)
		}
		call, err := c.changeOf(ctx, info.FullMethod, m, request)
		if err != nil {
			return nil, err
		}
		var made ownAnswer
		release := inflight.Retain(ctx)
		var begun atomic.Bool
		defer func() {
			if !begun.Load() {
				release()
			}
		}()
		answer, err := c.Idempotency.Keeper.Do(ctx, call, func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			// The request stays in memory until the change is done.
			begun.Store(true)
			defer release()
			out, err := next(change.With(ctx, attemptOf(ctx, op)), req)
			if err != nil {
				return nil, err
			}
			op.Made = auditFrom(ctx).addCreatedIDs(out)
			return made.pack(out)
		})
		// What was read on the way says nothing of the answer.
		telemetry.CallFrom(ctx).SetFreshness(telemetry.Freshness{})
		if answer.Replayed {
			telemetry.CallFrom(ctx).SetReplayed()
		}
		if err != nil {
			return nil, err
		}
		return made.unpack(answer.Body)
	}
}

// changeOf describes the change that a request asks for: the objects that the
// change locks, whether it is urgent, and how its intent is made.
func (c Chain) changeOf(ctx context.Context, method string, m *contract.Method, request proto.Message) (idempotency.Call, error) {
	t := auditFrom(ctx)
	if t.incomplete {
		return idempotency.Call{}, fault.New(fault.Denied, fault.ReasonNotAllowed, "The call is about objects that cannot be judged.")
	}
	call, err := c.callFor(ctx, method, request)
	if err != nil {
		return call, err
	}
	about := m.Target(request)
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
		call.Within = []string{storeKey(t.account, about)}
	}
	op := c.Rights.opOf(request)
	op.Account, op.Caller, op.Tenant = cmp.Or(t.account, op.Account), t.caller.Name, scope.Tenant(ctx)
	// What changes or deletes something that exists cannot wait.
	call.Urgent = !op.Creates()
	if c.Idempotency.Admit != nil {
		call.Admit = func(ctx context.Context) error { return c.Idempotency.Admit(ctx, &op) }
	}
	if c.Fingerprint != nil {
		t.fingerprint(contract.Values(request), c.Fingerprint)
	}
	if c.Idempotency.Reserve != nil {
		call.Reservation = c.Idempotency.Reserve(&op)
	}
	call.Outcome = func(err error) audit.Record {
		r := t.record(ctx)
		r.Outcome, r.Reason, r.Code = t.outcome(err), reasonOf(err), codeOf(err)
		return r
	}
	call.Intent = func(ctx context.Context, urged <-chan struct{}) (idempotency.Intent, error) {
		return c.intentOf(change.With(ctx, &change.Attempt{Urged: urged}), t, &op, names)
	}
	return call, nil
}

// callFor is the call that recall has looked up, or says what it is.
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

// callOf says what a call is, so that it is known when it comes again. names are
// those of secrets by their identifiers, as far as they are known (see
// canonical).
func (c Chain) callOf(ctx context.Context, method string, n changeKey, request proto.Message, names map[string]string) (idempotency.Call, error) {
	caller, _ := authn.PrincipalFrom(ctx)
	account, _ := c.Rights.Names.Account(c.Rights.Methods[method].Target(request).Account)
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(canonical(request, account, names))
	return idempotency.Call{Caller: caller.Name, Key: n.key, Retry: n.retry, Method: method, Payload: payload}, err
}

// intentOf says what is to be done, without values, and what there is before.
func (c Chain) intentOf(ctx context.Context, t *auditContext, op *change.Op, names map[string]string) (idempotency.Intent, error) {
	// The audit records of the change have the same identifier, so that an
	// outcome that is found out later finds its intent.
	t.addNames(names)
	f := telemetry.CallFrom(ctx).Facts()
	i := idempotency.Intent{
		ID: t.recordID(), RequestID: f.RequestID, Method: f.Method, Caller: op.Caller, Tenant: op.Tenant, Names: t.knownNames(),
	}
	maps.Copy(i.Names, names)
	record := t.record(ctx)
	i.Audit = &record
	var err error
	if i.Op, err = json.Marshal(op); err != nil {
		return i, err
	}
	if c.Idempotency.Before != nil {
		before, err := c.Idempotency.Before(ctx, op)
		if err != nil {
			return i, err
		}
		if i.Baseline, err = json.Marshal(before); err != nil {
			return i, err
		}
	}
	if t.bytesCounted {
		return i, nil
	}
	// The intent may be asked for several times, and is written once.
	t.bytesCounted = true
	return i, c.Idempotency.Durable.take(i.Tenant, durableBytes(i, len(op.SecretIDs)+len(op.Secrets)))
}
