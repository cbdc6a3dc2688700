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

func (e *Emulator) listSecrets(c *apiCall) httpAnswer {
	var found problems
	wanted := readListQuery(c.query, secretColumns(), &found)
	if a, bad := found.refusal(); bad {
		return a
	}
	rows, ok := e.database.secrets(c.account, c.store(), c.asOf)
	if !ok {
		return storeNotFound()
	}
	rows = slices.DeleteFunc(rows, func(s secretRow) bool { return !wanted.finds(s) })
	now := c.seenAt(e.database.now())
	sortRows(rows, e.database.compareSecrets(wanted.order, now), wanted.ascending)
	return succeedPage(rows, wanted.page, e.database.secretWriter(now))
}

// finds reports whether a secret matches the filters: the search text in name
// or comment, in any case, and one of the scopes.
func (q listQuery) finds(s secretRow) bool {
	if len(q.scopes) > 0 && !slices.ContainsFunc(q.scopes, func(scope string) bool {
		return slices.Contains(s.scopes, scope)
	}) {
		return false
	}
	wanted := strings.ToLower(q.search)
	return strings.Contains(strings.ToLower(s.name), wanted) ||
		s.comment != nil && strings.Contains(strings.ToLower(*s.comment), wanted)
}

// readInStore looks up the store before it reads the body, like Cloudflare.
func readInStore[T any](e *Emulator, c *apiCall, read func([]byte, *problems) T) (wanted T, refused *httpAnswer) {
	if _, ok := e.database.store(c.account, c.store(), c.asOf); !ok {
		return wanted, new(storeNotFound())
	}
	var found problems
	wanted = read(c.body, &found)
	if a, bad := found.refusal(); bad {
		return wanted, &a
	}
	return wanted, nil
}

func (e *Emulator) createSecrets(c *apiCall) httpAnswer {
	wanted, refused := readInStore(e, c, readNewSecrets)
	if refused != nil {
		return *refused
	}
	made, refused := e.database.createSecrets(c.account, c.store(), wanted)
	if refused != nil {
		return *refused
	}
	return succeed(appendList(nil, made, e.database.secretWriter(e.database.now())))
}

func (e *Emulator) showSecret(c *apiCall) httpAnswer {
	s, refused := e.database.secret(c.account, c.secret(), c.asOf)
	if refused != nil {
		return *refused
	}
	return e.oneSecret(c, s)
}

func (e *Emulator) patchSecret(c *apiCall) httpAnswer {
	patch, refused := readInStore(e, c, readPatch)
	if refused != nil {
		return *refused
	}
	s, refused := e.database.patchSecret(c.account, c.secret(), patch)
	if refused != nil {
		return *refused
	}
	return e.oneSecret(c, s)
}

func (e *Emulator) duplicateSecret(c *apiCall) httpAnswer {
	wanted, refused := readInStore(e, c, readDuplicate)
	if refused != nil {
		return *refused
	}
	s, refused := e.database.duplicateSecret(c.account, c.secret(), wanted)
	if refused != nil {
		return *refused
	}
	return e.oneSecret(c, s)
}

func (e *Emulator) deleteSecret(c *apiCall) httpAnswer {
	at := c.secret()
	if refused := e.database.deleteSecrets(c.account, at.storeID, []string{at.secretID}); refused != nil {
		return *refused
	}
	return deleted(http.StatusAccepted)
}

func (e *Emulator) deleteSecrets(c *apiCall) httpAnswer {
	ids, refused := readInStore(e, c, readIdentifiers)
	if refused != nil {
		return *refused
	}
	if refused := e.database.deleteSecrets(c.account, c.store(), ids); refused != nil {
		return *refused
	}
	return deleted(http.StatusAccepted)
}

func (e *Emulator) oneSecret(c *apiCall, s secretRow) httpAnswer {
	return succeed(e.database.secretWriter(c.seenAt(e.database.now()))(nil, s))
}
