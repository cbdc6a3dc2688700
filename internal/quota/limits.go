package quota

import (
	"sync/atomic"

	"platform.internal/storekeeper/internal/upstream"
)

// Limit is the limit of a tenant in an account.
type Limit struct {
	// Stores is the maximum number of stores. Nil: no limit.
	Stores *int
	// Secrets is the maximum number of secrets in all stores. Nil: no limit.
	Secrets *int
}

// of returns the limit of one kind.
func (l Limit) of(k resourceState) *int {
	if k == stores {
		return l.Stores
	}
	return l.Secrets
}

// Everybody stands for every tenant without a rule of its own.
const Everybody = "*"

// Rule sets the limit of a tenant.
type Rule struct {
	// Tenant is the id of the tenant, or Everybody.
	Tenant string
	// Account is the identifier or name of an account. Empty: every account.
	Account string
	// Limit is the limit in each account.
	Limit Limit
}

// Table finds limits by tenant and account. A rule that names the tenant precedes a rule for Everybody. Among
// these, a rule that names the account precedes a rule for all accounts. The service itself, tenant "", has
// no limit. A Table is safe for concurrent use.
type Table struct {
	accounts []upstream.AccountInfo
	now      atomic.Pointer[ruleSet]
}

// ruleSet is an immutable set of rules.
type ruleSet struct {
	rules map[reservedPlace]Limit
	// limited holds the identifiers of accounts in which a tenant has a limit.
	limited map[string]bool
}

// reservedPlace is the key of a rule: an account, or "" for all, and a tenant.
type reservedPlace struct{ account, tenant string }

// NewTable makes a table of rules. accounts maps names to identifiers. A rule for an unknown account has no
// effect.
func NewTable(rules []Rule, accounts []upstream.AccountInfo) *Table {
	t := &Table{accounts: accounts}
	t.Replace(rules)
	return t
}

// Replace replaces all rules at once. A tenant that gets its first limit is counted from then on: earlier
// objects do not count.
func (t *Table) Replace(rules []Rule) {
	set := &ruleSet{rules: map[reservedPlace]Limit{}, limited: map[string]bool{}}
	for _, rule := range rules {
		if rule.Account == "" {
			set.rules[reservedPlace{"", rule.Tenant}] = rule.Limit
		}
		for _, a := range t.accounts {
			switch rule.Account {
			case a.ID, a.Name:
				set.rules[reservedPlace{a.ID, rule.Tenant}] = rule.Limit
				set.limited[a.ID] = true
			case "":
				set.limited[a.ID] = true
			}
		}
	}
	t.now.Store(set)
}

// Limit returns the limit of a tenant in an account, by the account's identifier, and false if there is none.
func (t *Table) Limit(account, tenant string) (Limit, bool) {
	if tenant == "" {
		return Limit{}, false
	}
	rules := t.now.Load().rules
	for _, p := range []reservedPlace{{account, tenant}, {"", tenant}, {account, Everybody}, {"", Everybody}} {
		if limit, ok := rules[p]; ok {
			return limit, true
		}
	}
	return Limit{}, false
}

// Limited reports whether any tenant has a limit in the account.
func (t *Table) Limited(account string) bool { return t.now.Load().limited[account] }
