package server

import (
	"context"
	"errors"
	"sync"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/telemetry"
)

// InnerCall is a change that a call by name has decided on. It is made as a call
// of another method: authorised, recorded and made once like every change. The
// audit records name the method of the caller's call.
type InnerCall struct {
	// Method is the full name of the method that makes the change, and Request is
	// its request.
	Method  string
	Request proto.Message
	// Of is the request of the caller, which a repeat and its idempotency key are
	// recognised by. Nil: the change is recognised by Request, without a key.
	Of proto.Message
	// Names are the names that the caller gave for the identifiers in Request:
	// that of the store under "", those of secrets under their identifiers. A
	// denial repeats these names and no identifier that the caller did not send.
	Names map[string]string
	// Check refuses the change by the state before it, while its objects are
	// locked. Nil: no state is refused.
	Check func(before change.Baseline) error
	// Failed replaces the error of the change, before it is recorded. Nil: the
	// error stays.
	Failed func(error) error
	// Remember returns records that are written in the commit of the outcome, from
	// the answer of a change that was made. Nil: there are none.
	Remember func(answer proto.Message) map[string]*store.Record
	// DryRun runs every check and makes no change. JudgeOnly only authorises.
	DryRun, JudgeOnly bool
}

// check refuses a change by the state before it. Nil: the call of a caller,
// which no state refuses.
func (i *InnerCall) check(before change.Baseline) error {
	if i == nil || i.Check == nil {
		return nil
	}
	return i.Check(before)
}

// failed is the error of a change as it is recorded.
func (i *InnerCall) failed(err error) error {
	if i == nil || i.Failed == nil {
		return err
	}
	return i.Failed(err)
}

// remember are the records that are written with the outcome of a change.
func (i *InnerCall) remember(answer any) map[string]*store.Record {
	if i == nil || i.Remember == nil {
		return nil
	}
	return i.Remember(asMessage(answer))
}

// Inner makes inner calls. It is safe for concurrent use.
type Inner struct {
	chain   Chain
	steps   *compiledChain
	service any
	methods map[string]grpc.MethodHandler
	// handover guards what concurrent inner calls hand over to the call that they
	// are of.
	handover sync.Mutex
}

// Inner returns what makes inner calls of the methods of a service.
func (c Chain) Inner(desc *grpc.ServiceDesc, service any) *Inner {
	i := &Inner{chain: c, service: service, methods: map[string]grpc.MethodHandler{}}
	for _, m := range desc.Methods {
		i.methods["/"+desc.ServiceName+"/"+m.MethodName] = m.Handler
	}
	i.steps = &compiledChain{chain: []grpc.UnaryServerInterceptor{
		// The rights that the change itself needs: the call of the caller was let
		// through if one of several changes is allowed.
		authorise(c.Rights),
		// The rest of a call is for changes that are made.
		judgeOnly,
		// As in Interceptors. The fields were validated with the request of the
		// caller, whose rules are the same.
		idempotent(c),
		recoverPanic(c.Metrics),
	}}
	return i
}

// judgeOnly ends an inner call that only asks for its authorisation.
func judgeOnly(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if i := auditFrom(ctx).inner; i != nil && i.JudgeOnly {
		return nil, nil //nolint:nilnil // there is no answer
	}
	return next(ctx, req)
}

// Call makes an inner call of the call of ctx. Without a change there is no
// answer. Errors are faults.
func (i *Inner) Call(ctx context.Context, call InnerCall) (proto.Message, error) {
	outer := auditFrom(ctx)
	t := &auditContext{caller: outer.caller, answer: outer.answer, inner: &call, given: call.Names, incomplete: outer.incomplete}
	about := i.chain.Rights.Methods[call.Method].Target(call.Request)
	if account, served := i.chain.Rights.Names.Account(about.Account); served {
		i.chain.Rights.Names.Remember(account, about.StoreID, secretNames(call.Names))
	}
	ctx = withAudit(ctx, t)
	identity, err := i.identity(ctx, call)
	if err != nil {
		return nil, err
	}
	t.call = &identity
	run := func(ctx context.Context, _ any) (any, error) {
		return i.methods[call.Method](i.service, ctx, mergeInto(call.Request), i.steps.intercept)
	}
	var out any
	if identity.Key == "" && !identity.Retry && !call.DryRun && !call.JudgeOnly {
		out, err = i.chain.firstTry(ctx, call.Method, call.Request, run)
	} else {
		out, err = run(ctx, nil)
	}
	i.handover.Lock()
	outer.takeInner(t, err)
	i.handover.Unlock()
	if err != nil {
		return nil, err
	}
	return asMessage(out), nil
}

// identity describes the call, so that a repeat is recognised.
func (i *Inner) identity(ctx context.Context, call InnerCall) (idempotency.Call, error) {
	if call.Of == nil {
		return i.chain.callOf(ctx, call.Method, changeKey{}, call.Request, nil)
	}
	key, err := changeKeyOf(ctx, call.Of)
	if err != nil {
		return idempotency.Call{}, err
	}
	return i.chain.callOf(ctx, telemetry.CallFrom(ctx).Facts().Method, key, call.Of, nil)
}

// Replay returns the answer of the change that a repeat repeats, and false if
// the request of ctx is not known to repeat one. A key that was sent with
// another request is a fault.
func (i *Inner) Replay(ctx context.Context, of proto.Message) (answer proto.Message, known bool, err error) {
	call, err := i.identity(ctx, InnerCall{Of: of})
	if err != nil || call.Key == "" && !call.Retry {
		return nil, false, err
	}
	call.Intent = func(context.Context, <-chan struct{}) (idempotency.Intent, error) {
		return idempotency.Intent{}, errNotKnown()
	}
	kept, err := i.chain.Idempotency.Coordinator.Do(ctx, call, func(context.Context, *idempotency.Operation) ([]byte, error) {
		return nil, errNotKnown()
	})
	switch {
	case errors.Is(err, change.ErrAgain):
		return nil, false, nil
	case err != nil:
		auditFrom(ctx).replayed = kept.Replayed
		return nil, true, err
	}
	auditFrom(ctx).replayed = kept.Replayed
	answer, err = Unpack(kept.Body)
	return answer, true, err
}

// Keyed reports whether a caller sent an idempotency key with its call.
func (i *Inner) Keyed(ctx context.Context, of proto.Message) (bool, error) {
	key, err := changeKeyOf(ctx, of)
	return key.key != "", err
}

// Wait waits until no change is under way of the secrets of a store that have
// one of the names. Faults: CHANGE_IN_PROGRESS, and those of the state.
func (i *Inner) Wait(ctx context.Context, account, storeID string, names ...string) error {
	account, _ = i.chain.Rights.Names.Account(account)
	objects := make([]string, len(names))
	for n, name := range names {
		objects[n] = secretNameKey(storeKey(account, contract.Target{StoreID: storeID}), name)
	}
	return i.chain.Idempotency.Coordinator.Wait(ctx, auditFrom(ctx).caller.Name, objects...)
}

// Status returns a fault as it is sent to a caller, for one item of a batch.
func Status(ctx context.Context, err error) *spb.Status {
	return status.Convert(toStatus(ctx, err)).Proto()
}

// errNotKnown is the fault of a search for the record of a change of which there
// is none, and of an equal call that joined the search. That call begins again.
func errNotKnown() error {
	f := fault.New(fault.Unavailable, fault.ReasonChangeInProgress, "An equal call began at the same time; repeat the call.")
	f.RetryAfter = time.Second
	return f.Because(change.ErrAgain)
}

// takeInner takes over what the caller and the audit trail are told of an inner
// call that has ended: that its answer is a stored one, and why it was denied.
func (t *auditContext) takeInner(inner *auditContext, err error) {
	t.replayed = t.replayed || inner.replayed
	if isDenial(err) {
		t.action, t.account, t.store, t.secrets, t.count = inner.action, inner.account, inner.store, inner.secrets, inner.count
		t.decision, t.policy, t.rules, t.changed = inner.decision, inner.policy, inner.rules, inner.changed
	}
}

// secretNames are the names of secrets among the names that a caller gave.
func secretNames(names map[string]string) map[string]string {
	secrets := make(map[string]string, len(names))
	for id, name := range names {
		if id != "" {
			secrets[id] = name
		}
	}
	return secrets
}

// mergeInto returns a function that fills a request.
func mergeInto(request proto.Message) func(any) error {
	return func(into any) error {
		proto.Merge(asMessage(into), request)
		return nil
	}
}
