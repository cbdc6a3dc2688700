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

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/telemetry"
)

// InnerCall is a change that a call by name has decided on. It runs as a call of another method: it
// is authorised, recorded and idempotent like every change. The audit records name the method of
// the caller's call.
type InnerCall struct {
	// Method is the full name of the method that makes the change. Request is the request of that
	// method.
	Method  string
	Request proto.Message
	// Of is the caller's request, which identifies a repeat and has the idempotency key. If nil,
	// Request identifies the change, without a key.
	Of proto.Message
	// Names are the names that the caller sent for the identifiers in Request: the store's name
	// under "", and the names of secrets under their identifiers. A denial repeats these names, and
	// no identifier that the caller did not send.
	Names map[string]string
	// Check may refuse the change by the state before the change, while the objects are locked. If
	// nil, no state is refused.
	Check func(before change.Baseline) error
	// Failed replaces the error of the change before the error is recorded. If nil, the error is
	// unchanged.
	Failed func(error) error
	// Remember returns records that are written in the commit of the outcome, from the answer of a
	// successful change. If nil, there are no such records.
	Remember func(answer proto.Message) map[string]*store.Record
	// DryRun runs every check and makes no change. JudgeOnly only authorises.
	DryRun, JudgeOnly bool
}

// check may refuse a change by the state before the change. A nil receiver refuses nothing.
func (i *InnerCall) check(before change.Baseline) error {
	if i == nil || i.Check == nil {
		return nil
	}
	return i.Check(before)
}

// failed returns the error of a change as recorded.
func (i *InnerCall) failed(err error) error {
	if i == nil || i.Failed == nil {
		return err
	}
	return i.Failed(err)
}

// remember returns the records that are written with the outcome of a change.
func (i *InnerCall) remember(answer any) map[string]*store.Record {
	if i == nil || i.Remember == nil {
		return nil
	}
	return i.Remember(asMessage(answer))
}

// Inner makes inner calls. It is safe for concurrent use.
type Inner struct {
	chain   *Chain
	steps   *compiledChain
	service any
	methods map[string]grpc.MethodHandler
	// handover guards the auditContext of the outer call against concurrent inner calls.
	handover sync.Mutex
}

// Inner returns an Inner for the methods of a service.
func (c *Chain) Inner(desc *grpc.ServiceDesc, service any) *Inner {
	i := &Inner{chain: c, service: service, methods: map[string]grpc.MethodHandler{}}
	for _, m := range desc.Methods {
		i.methods["/"+desc.ServiceName+"/"+m.MethodName] = m.Handler
	}
	i.steps = &compiledChain{chain: []grpc.UnaryServerInterceptor{
		// The rights of the change itself: the caller's call was permitted because at least one of
		// several possible changes is allowed.
		authorise(&c.Rights),
		// The following steps are for real changes.
		judgeOnly,
		// As in Interceptors. The fields were validated with the caller's request, which has the
		// same rules.
		idempotent(c),
		recoverPanic(c.Metrics),
	}}
	return i
}

// judgeOnly ends an inner call that only requests authorisation.
func judgeOnly(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if i := auditFrom(ctx).inner; i != nil && i.JudgeOnly {
		return nil, nil //nolint:nilnil // there is no answer
	}
	return next(ctx, req)
}

// Call makes an inner call within the call of ctx. Without a change there is no answer. Errors are
// faults.
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
	t.call = identity
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
func (i *Inner) identity(ctx context.Context, call InnerCall) (*idempotency.Call, error) {
	if call.Of == nil {
		return i.chain.callOf(ctx, call.Method, changeKey{}, call.Request, nil)
	}
	key, err := changeKeyOf(ctx, call.Of)
	if err != nil {
		return nil, err
	}
	return i.chain.callOf(ctx, telemetry.CallFrom(ctx).Facts().Method, key, call.Of, nil)
}

// Replay returns the answer of the change that the request repeats. known is false if no such
// change is recorded. A key that was sent with another request is a fault.
func (i *Inner) Replay(ctx context.Context, of proto.Message) (answer proto.Message, known bool, err error) {
	call, err := i.identity(ctx, InnerCall{Of: of})
	auditFrom(ctx).dropRequest()
	if err != nil || call.Key == "" && !call.Retry {
		return nil, false, err
	}
	call.Description = searchOnly{}
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

// Wait waits until no change is in progress for secrets of a store with one of the names. Faults:
// CHANGE_IN_PROGRESS, and faults of the state.
func (i *Inner) Wait(ctx context.Context, account, storeID string, names ...string) error {
	account, _ = i.chain.Rights.Names.Account(account)
	objects := make([]string, len(names))
	for n, name := range names {
		objects[n] = secretNameKey(storeKey(account, storeID), name)
	}
	return i.chain.Idempotency.Coordinator.Wait(ctx, auditFrom(ctx).caller.Name, objects...)
}

// Status returns a fault as sent to a caller, for one item of a batch.
func Status(ctx context.Context, err error) *spb.Status {
	return status.Convert(toStatus(ctx, err)).Proto()
}

// searchOnly is the description of a call that makes no change and only searches for the record of one.
type searchOnly struct{}

func (searchOnly) Admit(context.Context) error { return nil }

func (searchOnly) Intent(context.Context, <-chan struct{}) (idempotency.Intent, error) {
	return idempotency.Intent{}, errNotKnown()
}

func (searchOnly) Outcome(error) []audit.Record { return nil }

// errNotKnown is the fault of a search that finds no record of a change, and of an equal call that
// joined the search. That call begins again.
func errNotKnown() error {
	f := fault.New(fault.Unavailable, fault.ReasonChangeInProgress, "An equal call began at the same time; repeat the call.")
	f.RetryAfter = time.Second
	return f.Because(change.ErrAgain)
}

// takeInner copies facts of an ended inner call to the outer call: that the answer is a stored
// answer, and the reason of a denial.
func (t *auditContext) takeInner(inner *auditContext, err error) {
	t.replayed = t.replayed || inner.replayed
	if isDenial(err) {
		t.action, t.account, t.store, t.secrets, t.count = inner.action, inner.account, inner.store, inner.secrets, inner.count
		t.decision, t.policy, t.rules, t.changed = inner.decision, inner.policy, inner.rules, inner.changed
	}
}

// secretNames returns the names of secrets among the names that a caller sent.
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
