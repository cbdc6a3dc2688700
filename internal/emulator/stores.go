package emulator

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// createStore creates a store, or returns the refusal.
func (l *database) createStore(a *accountState, name string) (storeRow, *httpAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.namesInUse[fullName("", name)] {
		return storeRow{}, new(storeNameTaken())
	}
	if len(a.snapshot.stores) >= a.settings.StoreLimit {
		return storeRow{}, new(storeLimitReached())
	}
	created := l.timestamps.next()
	s := storeRow{id: newIdentifier(), name: name, account: a.settings.ID, created: created, modified: created}
	put(a, (*snapshot).allStores, s, l.now())
	return s, nil
}

// store returns a store at a moment. Zero: now.
func (l *database) store(a *accountState, id string, asOf time.Time) (storeRow, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.at(asOf).stores[id]
	return s, ok
}

// stores returns all stores, the newest first.
func (l *database) stores(a *accountState, asOf time.Time) []storeRow {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.SortedFunc(maps.Values(a.at(asOf).stores), func(x, y storeRow) int {
		return y.created.Compare(x.created)
	})
}

// deleteStore removes a store, and with force also its secrets.
func (l *database) deleteStore(a *accountState, id string, force bool) *httpAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.snapshot.stores[id]; !ok {
		return new(storeNotFound())
	}
	inside := secretsIn(a.snapshot, id)
	if len(inside) > 0 && !force {
		return new(storeNotEmpty())
	}
	now := l.now()
	for _, s := range inside {
		drop(a, (*snapshot).allSecrets, s.id, now)
	}
	drop(a, (*snapshot).allStores, id, now)
	return nil
}

// compareStores compares by one of storeColumns.
func compareStores(column string) func(x, y storeRow) int {
	switch column {
	case "name":
		return func(x, y storeRow) int { return cmp.Compare(x.name, y.name) }
	case "modified":
		return func(x, y storeRow) int { return x.modified.Compare(y.modified) }
	default:
		return func(x, y storeRow) int { return x.created.Compare(y.created) }
	}
}

// sortRows sorts rows that are ordered by age, the newest first. The sort is
// stable.
func sortRows[R any](rows []R, compare func(x, y R) int, ascending bool) {
	slices.SortStableFunc(rows, func(x, y R) int {
		if ascending {
			return compare(x, y)
		}
		return compare(y, x)
	})
}
