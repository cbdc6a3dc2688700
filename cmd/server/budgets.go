package main

import (
	"context"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/spending"
)

// newBudgets returns the call budgets of all configured credentials. Their
// state is kept in the store of e.
func newBudgets(s settings, e *engine) *spending.Budgets {
	c := s.config.Budget
	accounts := make([]spending.Account, len(s.config.Accounts))
	for i, a := range s.config.Accounts {
		accounts[i] = spending.Account{ID: a.ID, Name: a.Name, Source: sourceOf(a)}
	}
	return spending.New(spending.Config{
		Accounts: accounts, Calls: c.Calls, Window: c.Window, PerSecond: c.PerSecond, MaxWait: c.MaxWait, Weights: weightsOf(s.config),
		Step: s.step, Late: e.tellLate, Waited: s.waited,
		Log: e.log, Store: e.state, Shared: e.state.shared != nil, Lived: s.lived,
	})
}

// mayLeave returns why the bytes of a change must not be sent any more: the lease of
// the budgets has ended, or that of the change.
func (e *engine) mayLeave(ctx context.Context) error {
	if err := e.budgets.Held(); err != nil {
		return err
	}
	return change.MayLeave(ctx)
}

// sourceOf identifies the credential files of an account, or returns "".
func sourceOf(a config.Account) string {
	if a.Credential == (config.Credential{}) {
		return ""
	}
	return a.Credential.APITokenFile + "\x00" + a.Credential.APIKeyFile
}

// weightsOf returns the weights by the ids of tenants.
func weightsOf(c *config.Config) map[string]float64 {
	weights := make(map[string]float64, len(c.Budget.Weights))
	for _, w := range c.Budget.Weights {
		weights[c.Callers.TenantID(w.Tenant)] = float64(w.Weight)
	}
	return weights
}

// quotaRules returns the quotas by the ids of tenants.
func quotaRules(c *config.Config) []quota.Rule {
	rules := make([]quota.Rule, len(c.Quotas))
	for i, q := range c.Quotas {
		rules[i] = quota.Rule{Tenant: c.Callers.TenantID(q.Tenant), Account: q.Account, Limit: quota.Limit{Stores: q.Stores, Secrets: q.Secrets}}
	}
	return rules
}
