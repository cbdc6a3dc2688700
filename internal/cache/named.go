package cache

import (
	"context"
	"errors"

	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// fewNames is the number of names up to which a search for each costs less than
// a listing of the store.
const fewNames = 2

// Age is how old the answer to a look for names may be.
type Age int

const (
	// Shown is as old as what other reads show, and older while Cloudflare cannot
	// be asked.
	Shown Age = iota
	// Bounded is never older than the staleness that is configured.
	Bounded
	// Now asks Cloudflare.
	Now
)

// SecretsNamed gives those secrets of a store that have one of the names, by
// name. If they are not as of now, a secret may be missing that was created
// elsewhere. Faults: NotFound of the store.
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

// StoreNamed gives the store that has a name, and false if there is none. That a
// listing lacks it proves nothing, so Cloudflare is asked then.
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

// named gives the objects with the names from a snapshot that a read may be
// shown, or, if bounded, that is as recent as configured. The error is errLarge
// for a list that is too long to keep.
func named[T any](ctx context.Context, s *collection[T], names []string, bounded bool) (map[string]T, error) {
	w := s.wanted(ctx)
	if !w.strict && s.of.closed(s.store) {
		return nil, noStore()
	}
	if bounded && !w.strict {
		w.strict = true
		if w.apart {
			// Only a new listing tells what other replicas did.
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
			if f, known := s.facts[id]; known {
				found[name] = s.kind.clone(f.item)
			}
		}
	}
	return found, nil
}

// search asks Cloudflare for each name, and keeps what it says.
func (c *Client) search(ctx context.Context, s *collection[upstream.Secret], account string, names []string) (map[string]upstream.Secret, error) {
	found := make(map[string]upstream.Secret, len(names))
	for _, name := range names {
		since := s.of.mark().tick
		secret, err := c.searchOne(ctx, upstream.ListSecretsParams{Account: account, StoreID: s.store, Search: name})
		if err != nil {
			return nil, err
		}
		// Only what others know can be seen to be missing.
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

// searchOne asks Cloudflare for the secret with the name that is searched for,
// nil for none. Cloudflare's search also finds names and comments that contain
// the name.
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

// idOf is the identifier of the object that had a name when the list was last
// seen.
func (s *collection[T]) idOf(name string) (id string, known bool) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	id, known = s.names[name]
	return id, known
}
