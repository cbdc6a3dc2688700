package cache

import (
	"context"
	"errors"

	"platform.internal/storekeeper/internal/upstream"
)

// FindSecrets gives those secrets of a store that have one of the names or one of
// the identifiers, as they were last seen, however long ago. A store that was
// never listed is listed, and so is one that another replica may have changed
// unseen. Of one that has too many secrets to keep, it gives those that it
// happens to know. Faults are as those of Secrets.
func (l *Listings) FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	s := l.secretsOf(a, storeID)
	return find(ctx, s, s.believable(ctx), names, ids)
}

// FindStores gives those stores of an account that have one of the names or one
// of the identifiers, as FindSecrets does for secrets.
func (l *Listings) FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return find(ctx, a.stores, a.stores.believable(ctx), names, ids)
}

// Finder finds objects by their identifiers for readers of names. It is like the
// the own methods, save that where the log of changes cannot be followed,
// what was seen before does: no object ever changes its name. It is safe for
// concurrent use.
type Finder struct{ listings *Listings }

// Finder returns a finder of what the Listings know.
func (l *Listings) Finder() Finder { return Finder{l} }

// FindSecrets gives secrets of a store as Listings.FindSecrets does.
func (f Finder) FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error) {
	a := f.listings.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	s := f.listings.secretsOf(a, storeID)
	return find(ctx, s, s.anyAge(ctx), names, ids)
}

// FindStores gives stores of an account as Listings.FindStores does.
func (f Finder) FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error) {
	a := f.listings.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return find(ctx, a.stores, a.stores.anyAge(ctx), names, ids)
}

// find gives the objects of a snapshot that is as wanted. A snapshot of a change
// must not lack what another replica did: what is gone would be taken for what
// the change met.
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
		if f, known := s.facts[id]; known {
			items = append(items, s.kind.clone(f.item))
		}
	}
	return items, nil
}

// HoldsSecret says whether a store had a secret of a name when it was last seen.
// It asks nobody.
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
