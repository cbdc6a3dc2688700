package server

import (
	"cmp"
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/tracing"
)

// reflectionService is the prefix of gRPC reflection methods. Every authenticated caller may use
// them. They have no declared action.
const reflectionService = "/grpc.reflection."

// Rules decides by the operator's rules.
type Rules interface {
	Decide(q authz.Question) authz.Decision
	// Permissions and Reaches are the methods of authz.Rules.
	Permissions(p authn.Principal, from, most int) (list []authz.Permission, next int, policy string)
	Reaches(p authn.Principal, account string) bool
}

// Rights is the configuration of the authorisation.
type Rights struct {
	// Methods are the declarations of all methods, by full name.
	Methods map[string]*contract.Method
	// Rules are the operator's rules.
	Rules Rules
	// Names resolves identifiers to the names that rules mention.
	Names *names.Resolver
	// Op returns the change that a request asks for, and false for a request that changes nothing.
	// A nil Op means that no request is a change.
	Op func(request proto.Message) (change.Op, change.Values, bool)
}

// changedBy names the fields that an update sets, and "force" for the deletion of a store with all
// its secrets.
func (r *Rights) changedBy(request proto.Message, about *contract.Target) []string {
	if len(about.Secrets) > 0 {
		// A create sets all fields, and a batch may be long.
		return nil
	}
	op := r.opOf(request)
	return op.Changed()
}

// authorise refuses calls that no rule allows. A batch is allowed as a whole or
// refused as a whole. For a list, authorise puts a visibility filter into the
// context.
func authorise(r *Rights) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if strings.HasPrefix(info.FullMethod, healthService) || strings.HasPrefix(info.FullMethod, reflectionService) {
			return next(ctx, req)
		}
		method, request := r.Methods[info.FullMethod], asMessage(req)
		if method == nil || request == nil {
			// A method without a declaration prevents the start (contract.Methods). This check is a
			// second line of defence.
			return nil, fault.New(fault.Denied, fault.ReasonNotAllowed, "Nobody may call this method.")
		}
		ctx, err := r.authoriseCall(ctx, method, request)
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// authoriseCall returns the context of an allowed call, or the refusal.
func (r *Rights) authoriseCall(ctx context.Context, method *contract.Method, request proto.Message) (context.Context, error) {
	caller, known := authn.PrincipalFrom(ctx)
	if !known {
		return nil, fault.New(fault.Unauthenticated, fault.ReasonCredentialMissing, "The call has no credential.")
	}
	t := auditFrom(ctx)
	j := &authorization{rights: r, caller: caller, method: method, audit: t}
	j.target = *t.targetOf(method, request)
	j.audit.changed = r.changedBy(request, &j.target)
	if w, ok := request.(interface{ GetForce() bool }); ok {
		j.audit.forced = w.GetForce()
	}
	judging, span := tracing.Start(ctx, "authorise")
	decided, err := j.decide(judging)
	span.End(err)
	if err != nil {
		return nil, err
	}
	return tracing.Leave(decided, ctx), nil
}

func asMessage(req any) proto.Message {
	m, _ := req.(proto.Message)
	return m
}

// authorization is the authorisation of one call.
type authorization struct {
	rights *Rights
	caller authn.Principal
	method *contract.Method
	target contract.Target
	audit  *auditContext

	// account is the configured name of the account.
	account string
	// store is the name of the store, or nil until a rule needs the name.
	store *string

	// room is memory for the list of a call about one object, and noName the name of an object without one.
	room   [1]callObject
	noName string
}

func (j *authorization) decide(ctx context.Context) (context.Context, error) {
	name, served := j.rights.Names.Account(j.target.Account)
	if served {
		j.account = name
	}
	j.audit.setTarget(j.method.Action, cmp.Or(j.account, j.target.Account), j.target)
	j.given()
	switch {
	case j.method.Action == contract.Self:
		return ctx, nil
	case j.target.Account != "" && !served:
		return ctx, names.NotServed()
	case contract.MistakesFrom(ctx).Unread:
		return ctx, j.refuseUnread(ctx)
	case j.method.Lists:
		return j.list(ctx)
	}
	return ctx, j.decideObjects(ctx)
}

// given records the names that the caller sent: the name of a store in place of an identifier, and
// the names of the objects of an inner call.
func (j *authorization) given() {
	if name := cmp.Or(j.target.InStore, j.audit.given[""]); name != "" {
		j.setStore(name)
	}
	j.audit.addNames(j.audit.given)
}

// decideAction decides on an action, or on an alternative action if that is sufficient. It may set q.Action.
func (r *Rights) decideAction(q *authz.Question, or string) authz.Decision {
	d := r.Rules.Decide(*q)
	if d.Allowed || or == "" {
		return d
	}
	q.Action = or
	other := r.Rules.Decide(*q)
	if other.Allowed || other.NeedsName {
		return other
	}
	return d
}

// refuseUnread refuses a call whose request was not read (contract.Mistakes.Unread).
func (j *authorization) refuseUnread(ctx context.Context) error {
	if why := contract.MistakesFrom(ctx).Fault; why != nil {
		return why
	}
	j.audit.setPolicy(j.rights.Rules.Decide(j.question(j.method.Action)))
	return j.denial([]*callObject{{action: j.method.Action, or: j.method.OrAction}})
}

// list sets the visibility filter of a list call. If one rule allows the whole list, there is no
// filter, and Cloudflare's list is passed on. If no rule can allow any item, list refuses the call,
// because an empty list would say that nothing exists.
func (j *authorization) list(ctx context.Context) (context.Context, error) {
	if j.target.Account == "" {
		// The list of accounts: the filter asks about each account by name. Clients request this
		// list at startup, so it may be empty and is never refused.
		return scope.WithVisible(ctx, j.isVisible), nil
	}
	d := j.rights.Rules.Decide(j.question(j.method.Action))
	if d.NeedsName && !d.Allowed && j.target.StoreID != "" {
		if err := j.learnStore(ctx); err != nil {
			return ctx, err
		}
		d = j.rights.Rules.Decide(j.question(j.method.Action))
	}
	switch {
	case d.Allowed:
		j.audit.addAllowed(d)
		return ctx, nil
	case !d.NeedsName:
		j.audit.setPolicy(d)
		return ctx, j.denial([]*callObject{{action: j.method.Action}})
	}
	return scope.WithVisible(ctx, j.isVisible), nil
}

// isVisible reports whether the list shows the object with this name.
func (j *authorization) isVisible(name string) bool {
	q := j.question(j.method.Action)
	switch {
	case j.target.StoreID != "":
		q.Secret = &name
	case j.target.Account != "":
		q.Store, q.Secret = &name, new(string)
	default:
		q.Account, q.Store, q.Secret = name, new(string), new(string)
	}
	return j.rights.Rules.Decide(q).Allowed
}

// question returns the authorisation request for an action, with the facts known so far.
func (j *authorization) question(action string) authz.Question {
	return authz.Question{Principal: j.caller, Action: action, Account: j.account, Store: j.store}
}

func (j *authorization) learnStore(ctx context.Context) error {
	if j.store != nil {
		return nil
	}
	name, err := j.rights.Names.Store(ctx, j.account, j.target.StoreID)
	if err != nil {
		return err
	}
	j.setStore(name)
	return nil
}

// setStore sets the name of the store.
func (j *authorization) setStore(name string) {
	j.store = &name
	j.audit.setStoreName(name)
}
