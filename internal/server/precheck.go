package server

import (
	"context"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
)

// Refused reports whether no rule can allow a call, given the facts known before the request is
// read: the caller, the method, the account and the store. Over gRPC, account and store are in the
// request, so they are "". A non-nil fault means that the decision is impossible, and ends the
// call.
//
// authorise then refuses the call, in the same place and with the same audit record as every other
// refusal.
func (c *Chain) Refused(ctx context.Context, method, account, storeID string) (bool, *fault.Error) {
	m, caller := c.Rights.Methods[method], callerOf(ctx)
	if m == nil || m.Action == contract.Self || caller.Name == "" {
		return false, nil
	}
	if account == "" {
		return !c.Rights.allowsInAnyAccount(caller, m), nil
	}
	name, served := c.Rights.Names.Account(account)
	if !served {
		return true, nil
	}
	j := &authorization{rights: &c.Rights, caller: caller, method: m, account: name, audit: &auditContext{}, target: contract.Target{Account: account, StoreID: storeID}}
	d := j.decideBeforeBody()
	if !d.Allowed && d.NeedsName && storeID != "" {
		ctx = scope.WithTenant(ctx, caller.Payer())
		if err := j.learnStore(ctx); err != nil {
			return true, fault.From(err)
		}
		d = j.decideBeforeBody()
	}
	return !d.Allowed && !d.NeedsName, nil
}

// decideBeforeBody decides on a call with the facts known before the request is read. The names of
// secrets are unknown.
func (j *authorization) decideBeforeBody() authz.Decision {
	q := j.question(j.method.Action)
	q.StoreOnly = j.store != nil
	return j.rights.decideAction(&q, j.method.OrAction)
}

// allowsInAnyAccount reports whether a rule could allow a method in at least one account.
func (r *Rights) allowsInAnyAccount(caller authn.Principal, m *contract.Method) bool {
	for _, account := range r.Names.Accounts() {
		j := &authorization{rights: r, caller: caller, method: m, account: account}
		q := j.question(m.Action)
		if d := r.decideAction(&q, m.OrAction); d.Allowed || d.NeedsName {
			return true
		}
	}
	return false
}

func callerOf(ctx context.Context) authn.Principal {
	o, _ := authn.AuthenticationFrom(ctx)
	if o.Err != nil {
		return authn.Principal{}
	}
	return o.Principal
}
