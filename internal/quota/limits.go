package quota

import "platform.internal/storekeeper/internal/upstream"

// Limit is how much of an account a tenant may have made.
type Limit struct {
	// Stores is the most stores. Nil: no limit.
	Stores *int
	// Secrets is the most secrets, in all stores. Nil: no limit.
	Secrets *int
}

// of gives the limit of one kind.
func (l Limit) of(k kind) *int {
	if k == stores {
		return l.Stores
	}
	return l.Secrets
}

// Everybody is, as a tenant, each one that no other rule fits.
const Everybody = "*"

// Rule gives a tenant a limit.
type Rule struct {
	// Tenant is the tenant, or Everybody.
	Tenant string
	// ID names the tenant in the records. Empty: its name does.
	ID string
	// Account is the identifier or name of an account. Empty: each account.
	Account string
	// Limit is the limit in each of them.
	Limit Limit
}

// Table finds limits by tenant and account. Of the rules that fit, one that
// names the tenant counts before one for everybody, and then one that names the
// account before one for all. The service itself, which is the tenant "", has
// no limit.
type Table struct {
	rules    map[place]Limit
	accounts map[string]bool
	ids      map[string]string
}

// place is what a rule is about: an account, or "" for all, and a tenant.
type place struct{ account, tenant string }

// NewTable makes a table of rules. Accounts say which names belong to which
// identifiers; a rule about an account that is not among them never counts.
func NewTable(rules []Rule, accounts []upstream.AccountInfo) *Table {
	t := &Table{rules: map[place]Limit{}, accounts: map[string]bool{}, ids: map[string]string{}}
	for _, rule := range rules {
		if rule.ID != "" {
			t.ids[rule.Tenant] = rule.ID
		}
		if rule.Account == "" {
			t.rules[place{"", rule.Tenant}] = rule.Limit
		}
		for _, a := range accounts {
			switch rule.Account {
			case a.ID, a.Name:
				t.rules[place{a.ID, rule.Tenant}] = rule.Limit
				t.accounts[a.ID] = true
			case "":
				t.accounts[a.ID] = true
			}
		}
	}
	return t
}

// Limit gives the limit of a tenant in an account, by the account's identifier,
// and false where it has none.
func (t *Table) Limit(account, tenant string) (Limit, bool) {
	if tenant == "" {
		return Limit{}, false
	}
	for _, p := range []place{{account, tenant}, {"", tenant}, {account, Everybody}, {"", Everybody}} {
		if limit, ok := t.rules[p]; ok {
			return limit, true
		}
	}
	return Limit{}, false
}

// Key names a tenant in the records.
func (t *Table) Key(tenant string) string {
	if id, ok := t.ids[tenant]; ok {
		return id
	}
	return tenant
}

// Name returns the tenant that a key names in the records.
func (t *Table) Name(key string) string {
	for tenant, id := range t.ids {
		if id == key {
			return tenant
		}
	}
	return key
}

// Limited reports whether any tenant has a limit in the account.
func (t *Table) Limited(account string) bool { return t.accounts[account] }
