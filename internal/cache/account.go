package cache

import (
	"context"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// accountListings are what is known of one account. Its lock guards all collections of it.
type accountListings struct {
	id       string
	listings *Listings
	mu       sync.Mutex
	// tick counts what happens.
	tick uint64
	// needs is the tick after which every listing must have begun.
	needs uint64
	// version counts what may change the quota.
	version uint64
	// running counts the changes under way, by store; "" stands for the list of
	// stores.
	running map[string]int
	stores  *collection[upstream.Store]
	quota   cachedQuota

	trail logCursor
}

func (l *Listings) newAccount(info upstream.AccountInfo) *accountListings {
	a := &accountListings{id: info.ID, listings: l, running: map[string]int{}, trail: newTrail()}
	a.stores = newShelf(a, "", storeKind(), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Store], error) {
		return l.config.Reader.ListStores(ctx, upstream.ListStoresParams{Account: info.ID, Paging: p})
	})
	return a
}

func (a *accountListings) clock() time.Time { return a.listings.config.Clock() }

// next counts a tick; the caller holds the lock.
func (a *accountListings) next() uint64 {
	a.tick++
	return a.tick
}

// mark says when now is.
func (a *accountListings) mark() readStart {
	a.mu.Lock()
	defer a.mu.Unlock()
	return readStart{tick: a.next(), began: a.clock()}
}

// known gives the collection of a store where one is kept; the caller holds the lock.
func (a *accountListings) known(storeID string) *collection[upstream.Secret] {
	s, _ := a.listings.secrets.Peek(storeKey{a.id, storeID})
	return s
}

// closed says whether Storekeeper deleted a store.
func (a *accountListings) closed(storeID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stores.gone[storeID].ours
}

// buryStore takes it that Storekeeper deleted a store, with all that it held;
// the caller holds the lock.
func (a *accountListings) buryStore(storeID string) {
	a.stores.bury(storeID)
	a.listings.secrets.Remove(storeKey{a.id, storeID})
}

// loseStore takes it that a read that began after since did not find a store.
func (a *accountListings) loseStore(ctx context.Context, storeID string, since uint64) {
	if storeID == "" {
		return
	}
	a.mu.Lock()
	known := a.stores.has(storeID) || a.known(storeID).shows()
	a.mu.Unlock()
	take := func() {
		a.stores.miss(storeID, since)
		// An identifier that leads nowhere must not take the room of a store.
		a.listings.secrets.Remove(storeKey{a.id, storeID})
	}
	if known {
		a.tell(ctx, logEvent{Missing: []string{storeID}}, take)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	take()
}
