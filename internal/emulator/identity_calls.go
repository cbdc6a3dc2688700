package emulator

import (
	"slices"
	"strings"
)

// verifyToken answers for user tokens and account tokens alike.
func (e *Emulator) verifyToken(c *call) answer {
	if c.who.token == "" {
		return notAToken()
	}
	b := appendString([]byte(`{"id":`), c.who.id)
	b = append(b, `,"status":"active"}`...)
	// Recorded from Cloudflare without a code.
	return succeed(b, notice{message: "This API Token is valid and active"})
}

func (e *Emulator) user(c *call) answer {
	name, _, _ := strings.Cut(c.who.email, "@")
	b := appendString([]byte(`{"id":`), fingerprint("user "+c.who.email))
	b = appendString(append(b, `,"email":`...), c.who.email)
	b = appendString(append(b, `,"username":`...), name)
	return succeed(append(b, '}'))
}

func (e *Emulator) listAccounts(c *call) answer {
	return e.pageOfAccounts(c, appendAccount)
}

func (e *Emulator) listMemberships(c *call) answer {
	return e.pageOfAccounts(c, appendMembership)
}

// pageOfAccounts lists the accounts that the caller may use, by name.
func (e *Emulator) pageOfAccounts(c *call, one func([]byte, Account) []byte) answer {
	var found problems
	p := readPage(c.query, &found)
	if a, bad := found.refusal(); bad {
		return a
	}
	open := slices.DeleteFunc(slices.Clone(e.config.Accounts), func(a Account) bool { return !a.mayUse(c.who) })
	slices.SortStableFunc(open, func(x, y Account) int { return strings.Compare(x.Name, y.Name) })
	return succeedPage(open, p, one)
}

func appendAccount(b []byte, a Account) []byte {
	b = appendString(append(b, `{"id":`...), a.ID)
	b = appendString(append(b, `,"name":`...), a.Name)
	return append(b, `,"type":"standard"}`...)
}

// appendMembership adds a role, which Wrangler prints.
func appendMembership(b []byte, a Account) []byte {
	b = appendString(append(b, `{"id":`...), fingerprint("membership "+a.ID))
	b = appendAccount(append(b, `,"status":"accepted","account":`...), a)
	return append(b, `,"roles":["Super Administrator - All Privileges"]}`...)
}
