package cache

import (
	"context"
	"errors"

	"platform.internal/storekeeper/internal/upstream"
)

// FindSecrets returns the cached secrets of a store that have one of the names or identifiers, at
// any age. FindSecrets reads the list first if the store was never listed, or if changes of other
// replicas may be missing. If the store has too many secrets to cache, the result holds only the
// secrets that happen to be cached. Faults are as those of Secrets.
func (l *Listings) FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	s := l.secretsOf(a, storeID)
	return find(ctx, s, s.believable(ctx), names, ids)
}

// FindStores returns the stores of an account that have one of the names or identifiers, as
// FindSecrets does for secrets.
func (l *Listings) FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return find(ctx, a.stores, a.stores.believable(ctx), names, ids)
}

// Finder finds objects by identifier for readers of names. It is like the methods of Listings, but
// accepts older snapshots while the change log cannot be followed, because objects are never
// renamed. It is safe for concurrent use.
type Finder struct{ listings *Listings }

// Finder returns a finder over the Listings.
func (l *Listings) Finder() Finder { return Finder{l} }

// FindSecrets returns secrets of a store as Listings.FindSecrets does.
func (f Finder) FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error) {
	a := f.listings.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	s := f.listings.secretsOf(a, storeID)
	return find(ctx, s, s.anyAge(ctx), names, ids)
}

// FindStores returns stores of an account as Listings.FindStores does.
func (f Finder) FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error) {
	a := f.listings.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return find(ctx, a.stores, a.stores.anyAge(ctx), names, ids)
}

// find returns the objects from a snapshot that satisfies w. A snapshot taken for a change must
// include the changes of other replicas: an object that is missing in the snapshot would count as
// created by the change.
func find[T any](ctx context.Context, s *collection[T], w readOptions, names, ids []string) ([]T, error) {
	_, err := s.fresh(ctx, w)
	if err != nil && !errors.Is(err, errLarge) {
		return nil, err
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	found := map[string]bool{}
	for _, name := range names {
		if id, known := s.names[name]; known {
			found[id] = true
		}
	}
	for _, id := range ids {
		found[id] = true
	}
	var items []T
	for id := range found {
		if f, known := s.entries[id]; known {
			items = append(items, s.kind.clone(f.item))
		}
	}
	return items, nil
}

// HoldsSecret reports whether the last snapshot of a store has a secret with the name. It makes no
// calls.
func (l *Listings) HoldsSecret(account, storeID, name string) bool {
	a := l.accounts[account]
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.known(storeID)
	return s.shows() && s.named(name)
}
