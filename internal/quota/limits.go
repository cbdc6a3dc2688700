package quota

import (
	"sync/atomic"

	"platform.internal/storekeeper/internal/upstream"
)

// Limit is how much of an account a tenant may have made.
type Limit struct {
	// Stores is the most stores. Nil: no limit.
	Stores *int
	// Secrets is the most secrets, in all stores. Nil: no limit.
	Secrets *int
}

// of gives the limit of one kind.
func (l Limit) of(k resourceState) *int {
	if k == stores {
		return l.Stores
	}
	return l.Secrets
}

// Everybody is, as a tenant, each one that no other rule fits.
const Everybody = "*"

// Rule gives a tenant a limit.
type Rule struct {
	// Tenant is the id of the tenant, or Everybody.
	Tenant string
	// Account is the identifier or name of an account. Empty: each account.
	Account string
	// Limit is the limit in each of them.
	Limit Limit
}

// Table finds limits by tenant and account. Of the rules that fit, one that
// names the tenant counts before one for everybody, and then one that names the
// account before one for all. The service itself, which is the tenant "", has
// no limit. It is safe for concurrent use.
type Table struct {
	accounts []upstream.AccountInfo
	now      atomic.Pointer[ruleSet]
}

// ruleSet are the rules at one time. It does not change.
type ruleSet struct {
	rules map[reservedPlace]Limit
	// limited are the accounts, by identifier, in which a tenant has a limit.
	limited map[string]bool
}

// reservedPlace is what a rule is about: an account, or "" for all, and a tenant.
type reservedPlace struct{ account, tenant string }

// NewTable makes a table of rules. Accounts say which names belong to which
// identifiers; a rule about an account that is not among them never counts.
func NewTable(rules []Rule, accounts []upstream.AccountInfo) *Table {
	t := &Table{accounts: accounts}
	t.Replace(rules)
	return t
}

// Replace puts other rules in force, all at once. A tenant that gets its first
// limit is counted from then on: what it made before does not count.
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

// Limit gives the limit of a tenant in an account, by the account's identifier,
// and false where it has none.
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
