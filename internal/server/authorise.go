package server

import (
	"cmp"
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/visibility"
)

// reflectionService tells known callers which methods there are, and is no
// method of ours.
const reflectionService = "/grpc.reflection."

// Rights is what is needed to judge whether a caller may make a call.
type Rights struct {
	// Methods are the declarations of all methods, by full name.
	Methods map[string]*contract.Method
	// Rules are the operator's rules.
	Rules interface {
		Decide(authz.Question) authz.Decision
	}
	// Names finds the names that rules speak of behind identifiers.
	Names *names.Resolver
}

// authorise lets through what a rule allows. A batch is let through whole or
// refused whole, and a list is made to show what the caller may see.
func authorise(r Rights) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if strings.HasPrefix(info.FullMethod, healthService) || strings.HasPrefix(info.FullMethod, reflectionService) {
			return next(ctx, req)
		}
		method, request := r.Methods[info.FullMethod], asMessage(req)
		if method == nil || request == nil {
			// A method of ours without a declaration has stopped the start; one
			// that got in all the same is allowed to nobody.
			return nil, fault.New(fault.Denied, "NOT_ALLOWED", "Nobody may call this method.")
		}
		caller, known := authn.PrincipalFrom(ctx)
		if !known {
			return nil, fault.New(fault.Unauthenticated, "CREDENTIAL_MISSING", "The call has no credential.")
		}
		j := &authorization{rights: r, caller: caller, method: method, target: method.Target(request), audit: auditFrom(ctx)}
		j.audit.changed = changedFields(request)
		if w, ok := request.(interface{ GetForce() bool }); ok {
			j.audit.forced = w.GetForce()
		}
		ctx, err := j.decide(ctx)
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func asMessage(req any) proto.Message {
	m, _ := req.(proto.Message)
	return m
}

// authorization is the judging of one call.
type authorization struct {
	rights Rights
	caller authn.Principal
	method *contract.Method
	target contract.Target
	audit  *auditContext

	// account is the configured name of the account.
	account string
	// store is the name of the store, nil until a rule wants to know it.
	store *string
}

func (j *authorization) decide(ctx context.Context) (context.Context, error) {
	name, served := j.rights.Names.Account(j.target.Account)
	if served {
		j.account = name
	}
	j.audit.setTarget(j.method.Action, cmp.Or(j.account, j.target.Account), j.target)
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

// refuseUnread refuses a call whose request was left unread.
func (j *authorization) refuseUnread(ctx context.Context) error {
	if why := contract.MistakesFrom(ctx).Fault; why != nil {
		return why
	}
	j.audit.setPolicy(j.rights.Rules.Decide(j.question(j.method.Action)))
	return j.denial([]*object{{action: j.method.Action}})
}

// list makes the list of the call show what the caller may see. Where a rule
// allows all of it, the list stays as Cloudflare gives it; where no rule could
// allow any of it, the call is refused, since an empty list would say that
// there is nothing.
func (j *authorization) list(ctx context.Context) (context.Context, error) {
	if j.target.Account == "" {
		// Of the accounts each is asked about: what a rule says while none is
		// named it may not say of each. Clients ask for them when they start,
		// so the list may be empty.
		return visibility.With(ctx, j.isVisible), nil
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
		return ctx, j.denial([]*object{{action: j.method.Action}})
	}
	return visibility.With(ctx, j.isVisible), nil
}

// isVisible says whether the list of the call shows the object with a name.
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

// question asks about an action with what is known so far.
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
	j.store = &name
	j.audit.setStoreName(name)
	return nil
}
