package mirror

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
func (l *Library) FindSecrets(ctx context.Context, account, storeID string, names, ids []string) ([]upstream.Secret, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return find(ctx, l.secretsOf(a, storeID), names, ids)
}

// FindStores gives those stores of an account that have one of the names or one
// of the identifiers, as FindSecrets does for secrets.
func (l *Library) FindStores(ctx context.Context, account string, names, ids []string) ([]upstream.Store, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return find(ctx, a.stores, names, ids)
}

func find[T any](ctx context.Context, s *shelf[T], names, ids []string) ([]T, error) {
	// Any age will do, but not a picture in which a change made through another
	// replica may be missing: what is gone would be taken for what a change met.
	w, _ := s.believable(ctx)
	w.strict = true
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
