package config

import (
	"regexp"
	"slices"
)

// everyTenant stands for every tenant without its own entry.
const everyTenant = "*"

// QuotaLimits limits the objects of a tenant in an account.
type QuotaLimits struct {
	// Tenant is the name or id of a tenant, or "*" for each tenant without an
	// entry.
	Tenant string `yaml:"tenant" doc:"Name or id of the tenant: 1 to 512 characters of ASCII without blanks. * stands for each tenant without an entry of its own." need:"required" example:"payments"`
	// Account is the name or identifier of an account. Empty: each account.
	Account string `yaml:"account" doc:"Name or id of the account of the limits. An entry that names the account counts before one that does not. A tenant and account may appear once." need:"each account" sample:"main"`
	// Stores is the maximum number of stores of the tenant. Nil: no limit.
	Stores *int `yaml:"stores" doc:"Maximum number of stores that the tenant may have created in an account, from 0 to 1000000. Deleting a store frees its place, whoever deletes it." need:"no limit, but stores or secrets is required" example:"1"`
	// Secrets is the maximum number of secrets of the tenant. Nil: no limit.
	Secrets *int `yaml:"secrets" doc:"Maximum number of secrets that the tenant may have created in all stores of an account, from 0 to 1000000." need:"no limit, but stores or secrets is required" example:"40"`
}

var tenantLetters = regexp.MustCompile(`^[!-~]+$`)

// tenantForm is permissive: a tenant may be the name of a token caller, which contains claims of the issuer.
func tenantForm() textFormat { return textFormat{tenantLetters, 512} }

const tenantRule = "must be 1 to 512 characters of ASCII without blanks"

// validateQuotas checks each quota and that no two concern the same tenant and
// account.
func (c *Config) validateQuotas(k section) {
	type subject struct{ tenant, account string }
	first := map[subject]int{}
	for i, q := range c.Quotas {
		at := k.item(i)
		known := q.validate(c.Accounts, at)
		about := subject{c.Callers.TenantID(q.Tenant), known}
		before, twice := first[about]
		switch {
		case !twice:
			first[about] = i
		case q.Tenant != "":
			at.field("tenant").fail("is already limited by " + k.item(before).key + "; a tenant and account stand together once")
		}
	}
}

// validate checks a quota and returns the identifier of its account.
func (q *QuotaLimits) validate(accounts []Account, k section) (account string) {
	k.field("tenant").format(q.Tenant, tenantForm(), tenantRule)
	if q.Account != "" {
		i := slices.IndexFunc(accounts, func(a Account) bool { return q.Account == a.Name || q.Account == a.ID })
		account = q.Account
		if i >= 0 {
			account = accounts[i].ID
		} else {
			k.field("account").fail("must be the name or id of one of accounts")
		}
	}
	if q.Stores == nil && q.Secrets == nil {
		k.field("secrets").fail("is missing; a quota must have stores, secrets or both")
	}
	within(q.Stores, k.field("stores"))
	within(q.Secrets, k.field("secrets"))
	return account
}

// within checks a limit, if set.
func within(limit *int, k section) {
	if limit != nil {
		k.within(*limit, 0, 1_000_000)
	}
}
