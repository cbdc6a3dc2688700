package cache

import (
	"context"
	"errors"

	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// fewNames is the number of names up to which one search per name costs less than a listing of the
// store.
const fewNames = 2

// Age is the permitted age of the result of a lookup by name.
type Age int

const (
	// Shown permits the age of other reads, and any age while Cloudflare cannot be reached.
	Shown Age = iota
	// Bounded permits the configured MaxStaleness, without exception.
	Bounded
	// Now requires a call to Cloudflare.
	Now
)

// SecretsNamed returns the secrets of a store that have one of the names, keyed by name. With an
// age other than Now, a secret that was created outside Storekeeper may be missing. Faults:
// NotFound of the store.
func (c *Client) SecretsNamed(ctx context.Context, account, storeID string, names []string, age Age) (map[string]upstream.Secret, error) {
	a := c.listings.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	s := c.listings.secretsOf(a, storeID)
	if age == Now {
		if len(names) <= fewNames {
			return c.search(ctx, s, account, names)
		}
		ctx = scope.WithFresh(ctx)
	}
	found, err := named(ctx, s, names, age != Shown)
	if errors.Is(err, errLarge) {
		return c.search(ctx, s, account, names)
	}
	return found, err
}

// StoreNamed returns the store with a name, and false if there is none. A listing that lacks the
// store proves nothing, so StoreNamed then asks Cloudflare.
func (c *Client) StoreNamed(ctx context.Context, account, name string) (upstream.Store, bool, error) {
	a := c.listings.accounts[account]
	if a == nil {
		return upstream.Store{}, false, notServed()
	}
	for _, ctx := range []context.Context{ctx, scope.WithFresh(ctx)} {
		stores, err := named(ctx, a.stores, []string{name}, false)
		if store, found := stores[name]; found || err != nil {
			return store, found, err
		}
	}
	return upstream.Store{}, false, nil
}

// named returns the objects with the names. If bounded is set, the snapshot is at most MaxStaleness
// old. named returns errLarge for a list that is too long to cache.
func named[T any](ctx context.Context, s *collection[T], names []string, bounded bool) (map[string]T, error) {
	w := s.wanted(ctx)
	if !w.strict && s.of.closed(s.store) {
		return nil, noStore()
	}
	if bounded && !w.strict {
		w.strict = true
		if w.apart {
			// Only a new listing includes the changes of other replicas.
			w.after = w.asked
		}
	}
	p, err := s.fresh(ctx, w)
	if err != nil {
		return nil, err
	}
	tellAge(ctx, p.freshness(s.of.clock()))
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	found := make(map[string]T, len(names))
	for _, name := range names {
		if id, known := s.names[name]; known {
			if f, known := s.entries[id]; known {
				found[name] = s.kind.clone(f.item)
			}
		}
	}
	return found, nil
}

// search asks Cloudflare for each name and caches the answers.
func (c *Client) search(ctx context.Context, s *collection[upstream.Secret], account string, names []string) (map[string]upstream.Secret, error) {
	found := make(map[string]upstream.Secret, len(names))
	for _, name := range names {
		since := s.of.mark().tick
		secret, err := c.searchOne(ctx, upstream.ListSecretsParams{Account: account, StoreID: s.store, Search: name})
		if err != nil {
			return nil, err
		}
		// A missing object is recorded only if it is known, and other replicas may know it.
		_ = s.of.follow(ctx)
		if secret != nil {
			found[name] = *secret
			s.learn(ctx, *secret, since)
			continue
		}
		if id, known := s.idOf(name); known {
			s.learnMissing(ctx, id, since)
		}
	}
	return found, nil
}

// searchOne asks Cloudflare for the secret with the name p.Search. It returns nil if there is none.
// Cloudflare's search also matches names and comments that contain the name, so searchOne compares
// the names.
func (c *Client) searchOne(ctx context.Context, p upstream.ListSecretsParams) (*upstream.Secret, error) {
	var found *upstream.Secret
	read := func(ctx context.Context, page upstream.Paging) (upstream.Answer[[]upstream.Secret], error) {
		p.Paging = page
		return c.next.ListSecrets(ctx, p)
	}
	err := upstream.ReadPages(ctx, upstream.Paging{Order: "created", Direction: "asc"}, func(s upstream.Secret) string { return s.ID }, read,
		func(a upstream.Answer[[]upstream.Secret]) bool {
			for i := range a.Result {
				if a.Result[i].Name == p.Search {
					found = &a.Result[i]
				}
			}
			return found != nil
		})
	return found, err
}

// idOf returns the last known identifier of a name.
func (s *collection[T]) idOf(name string) (id string, known bool) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	id, known = s.names[name]
	return id, known
}
