package emulator

import (
	"net/http"
	"slices"
	"strings"
)

// secretColumns lists the columns that secrets can be ordered by.
func secretColumns() []string {
	return []string{"name", "comment", "created", "modified", "status"}
}

func (e *Emulator) listSecrets(c *call) answer {
	var found problems
	wanted := readListQuery(c.query, secretColumns(), &found)
	if a, bad := found.refusal(); bad {
		return a
	}
	rows, ok := e.state.secrets(c.account, c.store(), c.asOf)
	if !ok {
		return storeNotFound()
	}
	rows = slices.DeleteFunc(rows, func(s secret) bool { return !wanted.finds(s) })
	now := c.seenAt(e.state.now())
	sortRows(rows, e.state.compareSecrets(wanted.order, now), wanted.ascending)
	return succeedPage(rows, wanted.page, e.state.secretWriter(now))
}

// finds reports whether a secret matches the filters: the search text in name
// or comment, in any case, and one of the scopes.
func (q listQuery) finds(s secret) bool {
	if len(q.scopes) > 0 && !slices.ContainsFunc(q.scopes, func(scope string) bool {
		return slices.Contains(s.scopes, scope)
	}) {
		return false
	}
	wanted := strings.ToLower(q.search)
	return strings.Contains(strings.ToLower(s.name), wanted) ||
		s.comment != nil && strings.Contains(strings.ToLower(*s.comment), wanted)
}

// readInStore looks up the store before it reads the body, as Cloudflare does.
func readInStore[T any](e *Emulator, c *call, read func([]byte, *problems) T) (wanted T, refused *answer) {
	if _, ok := e.state.store(c.account, c.store(), c.asOf); !ok {
		return wanted, new(storeNotFound())
	}
	var found problems
	wanted = read(c.body, &found)
	if a, bad := found.refusal(); bad {
		return wanted, &a
	}
	return wanted, nil
}

func (e *Emulator) createSecrets(c *call) answer {
	wanted, refused := readInStore(e, c, readNewSecrets)
	if refused != nil {
		return *refused
	}
	made, refused := e.state.createSecrets(c.account, c.store(), wanted)
	if refused != nil {
		return *refused
	}
	return succeed(appendList(nil, made, e.state.secretWriter(e.state.now())))
}

func (e *Emulator) showSecret(c *call) answer {
	s, refused := e.state.secret(c.account, c.secret(), c.asOf)
	if refused != nil {
		return *refused
	}
	return e.oneSecret(c, s)
}

func (e *Emulator) patchSecret(c *call) answer {
	patch, refused := readInStore(e, c, readPatch)
	if refused != nil {
		return *refused
	}
	s, refused := e.state.patchSecret(c.account, c.secret(), patch)
	if refused != nil {
		return *refused
	}
	return e.oneSecret(c, s)
}

func (e *Emulator) duplicateSecret(c *call) answer {
	wanted, refused := readInStore(e, c, readDuplicate)
	if refused != nil {
		return *refused
	}
	s, refused := e.state.duplicateSecret(c.account, c.secret(), wanted)
	if refused != nil {
		return *refused
	}
	return e.oneSecret(c, s)
}

func (e *Emulator) deleteSecret(c *call) answer {
	at := c.secret()
	if refused := e.state.deleteSecrets(c.account, at.storeID, []string{at.secretID}); refused != nil {
		return *refused
	}
	return deleted(http.StatusAccepted)
}

func (e *Emulator) deleteSecrets(c *call) answer {
	ids, refused := readInStore(e, c, readIdentifiers)
	if refused != nil {
		return *refused
	}
	if refused := e.state.deleteSecrets(c.account, c.store(), ids); refused != nil {
		return *refused
	}
	return deleted(http.StatusAccepted)
}

func (e *Emulator) oneSecret(c *call, s secret) answer {
	return succeed(e.state.secretWriter(c.seenAt(e.state.now()))(nil, s))
}
