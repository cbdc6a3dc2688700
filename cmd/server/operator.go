package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/operator"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/self"
	"platform.internal/storekeeper/internal/telemetry"
)

// checkTime limits the readiness checks of one status.
const checkTime = 2 * time.Second

// reported has the inputs of SelfService and OperatorService besides the engine.
type reported struct {
	config  *config.Config
	rules   *authz.Rules
	trust   trust
	started time.Time
}

// report sets the inputs of SelfService and OperatorService. Call report before the
// services are registered.
func (e *engine) report(s reported) {
	s.started = time.Now()
	e.reported = s
	e.current.CompareAndSwap(nil, s.config)
}

// usage returns the usage of an account by a tenant.
func (e *engine) usage(ctx context.Context, account, tenant string) (self.Usage, error) {
	share, turn, _ := e.budgets.ShareOf(account, tenant)
	u := self.Usage{Calls: share.Quota, Remaining: share.Remaining, Window: share.Window, Waiting: turn.Waiting, NextTurn: turn.Next}
	used, limited, err := e.quotas.UsageOf(ctx, account, tenant)
	if err != nil {
		return u, fault.From(err)
	}
	if limited && used.Limit.Stores != nil {
		u.Stores = &self.Quota{Used: used.Stores, Limit: *used.Limit.Stores}
	}
	if limited && used.Limit.Secrets != nil {
		u.Secrets = &self.Quota{Used: used.Secrets, Limit: *used.Limit.Secrets}
	}
	return u, nil
}

// operators returns the service for operators.
func (e *engine) operators() *operator.Service {
	var accounts []string
	for _, a := range e.cloudflare.Accounts() {
		accounts = append(accounts, a.Name)
	}
	return operator.NewService(operator.Config{
		Status: e.status, Checks: e.readiness, Tenants: e.tenants, Usage: e.usage, Accounts: accounts,
	})
}

// checks returns the readiness conditions, except for issuers.
func (e *engine) checks(t trust) []telemetry.Check {
	return slices.Concat(e.budgets.Checks(), e.state.checks(), t.checks())
}

// readiness runs the readiness checks.
func (e *engine) readiness(ctx context.Context) []operator.Check {
	var list []operator.Check
	for _, c := range telemetry.RunChecks(ctx, append(e.checks(e.reported.trust), e.reported.trust.issuerChecks()...), checkTime) {
		list = append(list, operator.Check{Name: c.Name, OK: c.OK, Advisory: c.Advisory, Error: c.Error})
	}
	return list
}

// status describes this replica.
func (e *engine) status(ctx context.Context) operator.Status {
	kept, trail, rules := e.state.status(), e.auditState(), e.reported.rules.State()
	s := operator.Status{
		Version: buildVersion(), Replica: e.replica, Started: e.reported.started, OpenChanges: e.open(),
		Store:  operator.StoreState{Kind: e.reported.config.Store.Kind, ID: kept.ID, Commit: kept.Commit, Err: e.state.Healthy(ctx)},
		Trail:  operator.Trail{LastRecord: kept.Record, Backlog: trail.Backlog(), Suppressed: uint64(max(0, trail.Suppressed())), Err: trail.Healthy()},
		Policy: operator.Policy{File: rules.File, Digest: rules.Digest, Rules: rules.Rules, Loaded: rules.Loaded, Failed: rules.Failed, Err: rules.Err},
	}
	for _, b := range e.budgets.States() {
		s.Budgets = append(s.Budgets, operator.Budget{
			Credential: b.Credential, Limit: b.Limit, Used: b.Used, Waiting: b.Waiting, Outside: b.Outside,
			Window: e.reported.config.Budget.Window, Blocked: time.Duration(b.Blocked * float64(time.Second)),
		})
	}
	for _, i := range e.reported.trust.callers.Issuers() {
		s.Issuers = append(s.Issuers, issuerOf(i))
	}
	for _, f := range e.reload.Status() {
		s.Files = append(s.Files, operator.File{Kind: f.Kind, File: f.File, Digest: f.Digest, Loaded: f.Loaded, Err: f.Failure, Restart: f.Restart})
	}
	for _, r := range e.budgets.Replicas() {
		s.Replicas = append(s.Replicas, operator.Replica{Number: r.Number, Self: r.Self, Heard: time.Since(r.Heard).Round(time.Millisecond)})
	}
	return s
}

func issuerOf(i authn.IssuerState) operator.Issuer {
	out := operator.Issuer{Name: i.Name, Healthy: i.Err == nil && i.Keys > 0, Keys: i.Keys, KeysRead: i.KeysRead, KeysEnd: i.KeysEnd}
	if i.Err != nil {
		out.Error = i.Err.Error() + "; fix: " + authn.FixOf(i.Err)
	}
	return out
}

// tenants lists the tenants that the configuration names, that have a count of
// their quota, or that made calls in the last window.
func (e *engine) tenants(ctx context.Context) ([]operator.Tenant, error) {
	c := e.current.Load()
	byID := map[string]string{}
	for _, name := range configuredTenants(c) {
		// Quotas and weights are last in the list, and may name a tenant by id.
		id := c.Callers.TenantID(name)
		byID[id] = cmp.Or(byID[id], name)
	}
	used, err := e.quotas.Usage(ctx)
	if err != nil {
		return nil, fault.From(err)
	}
	for _, u := range used {
		byID[u.Tenant] = cmp.Or(byID[u.Tenant], u.Tenant)
	}
	for _, b := range e.budgets.States() {
		for id := range b.Tenants {
			byID[id] = cmp.Or(byID[id], id)
		}
	}
	// "" is the service itself.
	delete(byID, "")
	list := make([]operator.Tenant, 0, len(byID))
	for id, name := range byID {
		list = append(list, operator.Tenant{ID: id, Name: name, Weight: e.budgets.Weight(id)})
	}
	return list, nil
}

// configuredTenants lists the tenants that the configuration names. A caller
// without a tenant counts as a tenant with the caller's name.
func configuredTenants(c *config.Config) []string {
	names := make([]string, 0, len(c.Callers.Tenants)+len(c.Callers.APIKeys))
	for _, t := range c.Callers.Tenants {
		names = append(names, t.Name)
	}
	for _, k := range c.Callers.APIKeys {
		names = append(names, cmp.Or(k.Tenant, k.Name))
	}
	for _, crt := range c.Callers.Certificates {
		names = append(names, cmp.Or(crt.Tenant, crt.Name))
	}
	for _, i := range c.Callers.Issuers {
		for _, s := range i.Subjects {
			names = append(names, s.Tenant)
		}
	}
	for _, q := range c.Quotas {
		if q.Tenant != quota.Everybody {
			names = append(names, q.Tenant)
		}
	}
	for _, w := range c.Budget.Weights {
		names = append(names, w.Tenant)
	}
	return names
}
