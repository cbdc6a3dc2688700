package emulator

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// secretsIn returns the secrets of a store, newest first.
func secretsIn(s *snapshot, storeID string) []secretRow {
	all := slices.Collect(maps.Values(s.secrets))
	inside := slices.DeleteFunc(all, func(s secretRow) bool { return s.storeID != storeID })
	slices.SortFunc(inside, func(x, y secretRow) int { return y.created.Compare(x.created) })
	return inside
}

// secrets returns the secrets of a store at a time, newest first. ok is false if there is no such store.
func (l *database) secrets(a *accountState, storeID string, asOf time.Time) (rows []secretRow, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	then := a.at(asOf)
	if _, ok = then.stores[storeID]; !ok {
		return nil, false
	}
	return secretsIn(then, storeID), true
}

// secret returns a secret at a moment. Zero: now.
func (l *database) secret(a *accountState, at address, asOf time.Time) (secretRow, *httpAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return find(a.at(asOf), at)
}

// address identifies a secret.
type address struct{ storeID, secretID string }

func find(s *snapshot, at address) (secretRow, *httpAnswer) {
	if _, ok := s.stores[at.storeID]; !ok {
		return secretRow{}, new(storeNotFound())
	}
	row, ok := s.secrets[at.secretID]
	if !ok || row.storeID != at.storeID {
		return secretRow{}, new(secretNotFound())
	}
	return row, nil
}

// createSecrets adds all of the secrets or none.
func (l *database) createSecrets(a *accountState, storeID string, wanted []createRequest) ([]secretRow, *httpAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.snapshot.stores[storeID]; !ok {
		return nil, new(storeNotFound())
	}
	return l.add(a, storeID, wanted)
}

// duplicateSecret adds a secret with the value of another.
func (l *database) duplicateSecret(a *accountState, from address, wanted createRequest) (secretRow, *httpAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	original, refused := find(a.snapshot, from)
	if refused != nil {
		return secretRow{}, refused
	}
	wanted.value = original.value
	made, refused := l.add(a, from.storeID, []createRequest{wanted})
	if refused != nil {
		return secretRow{}, refused
	}
	return made[0], nil
}

// add creates secrets. The caller holds mu.
func (l *database) add(a *accountState, storeID string, wanted []createRequest) ([]secretRow, *httpAnswer) {
	batch := map[string]bool{}
	for _, w := range wanted {
		if batch[w.name] || a.namesInUse[fullName(storeID, w.name)] {
			return nil, new(secretNameTaken(w.name))
		}
		batch[w.name] = true
	}
	if len(a.snapshot.secrets)+len(wanted) > a.settings.SecretLimit {
		return nil, new(secretLimitReached(a.settings.SecretLimit))
	}
	made := make([]secretRow, 0, len(wanted))
	now := l.now()
	for _, w := range wanted {
		created := l.timestamps.next()
		s := secretRow{
			id: newIdentifier(), storeID: storeID, name: w.name, value: w.value,
			comment: w.comment, scopes: w.scopes, created: created, modified: created,
		}
		put(a, (*snapshot).allSecrets, s, now)
		made = append(made, s)
	}
	return made, nil
}

// patchSecret changes the fields that the patch sets.
func (l *database) patchSecret(a *accountState, at address, patch secretPatch) (secretRow, *httpAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	row, refused := find(a.snapshot, at)
	if refused != nil {
		return secretRow{}, refused
	}
	if patch.value != nil {
		row.value = *patch.value
	}
	if patch.scopes != nil {
		row.scopes = patch.scopes
	}
	if !patch.keepComment {
		row.comment = patch.comment
	}
	row.modified = l.timestamps.next()
	put(a, (*snapshot).allSecrets, row, l.now())
	return row, nil
}

// deleteSecrets removes all of the secrets or none.
func (l *database) deleteSecrets(a *accountState, storeID string, ids []string) *httpAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		if _, refused := find(a.snapshot, address{storeID, id}); refused != nil {
			return refused
		}
	}
	now := l.now()
	for _, id := range ids {
		drop(a, (*snapshot).allSecrets, id, now)
	}
	return nil
}

// usage counts the secrets of an account over all stores.
func (l *database) usage(a *accountState, asOf time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.at(asOf).secrets)
}

// status returns the status of a secret at a moment.
func (l *database) status(s secretRow, at time.Time) string {
	if l.activateAfter > 0 && at.Sub(s.created) < l.activateAfter {
		return "pending"
	}
	return "active"
}

// compareSecrets compares by one of secretColumns. An unset comment sorts before an empty comment.
func (l *database) compareSecrets(column string, now time.Time) func(x, y secretRow) int {
	switch column {
	case "name":
		return func(x, y secretRow) int { return cmp.Compare(x.name, y.name) }
	case "comment":
		return compareComments
	case "modified":
		return func(x, y secretRow) int { return x.modified.Compare(y.modified) }
	case "status":
		return func(x, y secretRow) int { return cmp.Compare(l.status(x, now), l.status(y, now)) }
	default:
		return func(x, y secretRow) int { return x.created.Compare(y.created) }
	}
}

func compareComments(x, y secretRow) int {
	switch {
	case x.comment == nil && y.comment == nil:
		return 0
	case x.comment == nil:
		return -1
	case y.comment == nil:
		return 1
	default:
		return cmp.Compare(*x.comment, *y.comment)
	}
}
