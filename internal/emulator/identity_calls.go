package emulator

import (
	"slices"
	"strings"
)

// verifyToken answers for user tokens and account tokens.
func (e *Emulator) verifyToken(c *apiCall) httpAnswer {
	if c.who.token == "" {
		return notAToken()
	}
	b := appendString([]byte(`{"id":`), c.who.id)
	b = append(b, `,"status":"active"}`...)
	// Cloudflare's recorded answer has no code.
	return succeed(b, apiMessage{message: "This API Token is valid and active"})
}

func (e *Emulator) user(c *apiCall) httpAnswer {
	name, _, _ := strings.Cut(c.who.email, "@")
	b := appendString([]byte(`{"id":`), fingerprint("user "+c.who.email))
	b = appendString(append(b, `,"email":`...), c.who.email)
	b = appendString(append(b, `,"username":`...), name)
	return succeed(append(b, '}'))
}

func (e *Emulator) listAccounts(c *apiCall) httpAnswer {
	var found problems
	q := accountQuery{page: readPage(c.query, &found), names: []string{c.query.Get("name")}, column: accountName}
	q.descending = choose(c.query, "direction", []string{"asc", "desc"}, &found) == "desc"
	return e.pageOfAccounts(c, q, found, appendAccount)
}

// listMemberships reads the filters that Cloudflare documents for memberships.
func (e *Emulator) listMemberships(c *apiCall) httpAnswer {
	var found problems
	q := accountQuery{page: readPage(c.query, &found), names: []string{c.query.Get("name"), c.query.Get("account.name")}, column: accountName}
	q.descending = choose(c.query, "direction", []string{"asc", "desc"}, &found) == "desc"
	status := choose(c.query, "status", []string{"accepted", "pending", "rejected"}, &found)
	// Every membership here is accepted.
	q.none = status != "" && status != "accepted"
	if choose(c.query, "order", []string{"id", "account.name", "status"}, &found) == "id" {
		q.column = membershipID
	}
	return e.pageOfAccounts(c, q, found, appendMembership)
}

// accountQuery is the query of a list of accounts.
type accountQuery struct {
	page page
	// names must all equal the name of the account. "" is no filter.
	names      []string
	none       bool
	column     func(Account) string
	descending bool
}

func accountName(a Account) string { return a.Name }

func membershipID(a Account) string { return fingerprint("membership " + a.ID) }

func (q accountQuery) picks(a Account) bool {
	return !q.none && !slices.ContainsFunc(q.names, func(name string) bool { return name != "" && name != a.Name })
}

// pageOfAccounts lists the accounts that the caller may use. The filter by name
// compares whole names; Cloudflare's documentation does not say more.
func (e *Emulator) pageOfAccounts(c *apiCall, q accountQuery, found problems, one func([]byte, Account) []byte) httpAnswer {
	if a, bad := found.refusal(); bad {
		return a
	}
	open := slices.DeleteFunc(slices.Clone(e.config.Accounts), func(a Account) bool { return !a.mayUse(c.who) || !q.picks(a) })
	slices.SortStableFunc(open, func(x, y Account) int {
		if q.descending {
			x, y = y, x
		}
		return strings.Compare(q.column(x), q.column(y))
	})
	return succeedPage(open, q.page, one)
}

func appendAccount(b []byte, a Account) []byte {
	b = appendString(append(b, `{"id":`...), a.ID)
	b = appendString(append(b, `,"name":`...), a.Name)
	return append(b, `,"type":"standard"}`...)
}

// appendMembership includes a role, which Wrangler prints.
func appendMembership(b []byte, a Account) []byte {
	b = appendString(append(b, `{"id":`...), membershipID(a))
	b = appendAccount(append(b, `,"status":"accepted","account":`...), a)
	return append(b, `,"roles":["Super Administrator - All Privileges"]}`...)
}
