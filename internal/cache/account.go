package cache

import (
	"context"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// accountListings is the cache of one account. mu guards all collections of the account.
type accountListings struct {
	id       string
	listings *Listings
	mu       sync.Mutex
	// tick is the logical clock of the account.
	tick uint64
	// needs is the tick after which every listing must have begun.
	needs uint64
	// version counts changes that may affect the quota.
	version uint64
	// running counts the changes under way by store. The key "" stands for the list of stores.
	running map[string]int
	stores  *collection[upstream.Store]
	quota   cachedQuota

	cursor logCursor
}

func (l *Listings) newAccount(info upstream.AccountInfo) *accountListings {
	a := &accountListings{id: info.ID, listings: l, running: map[string]int{}, cursor: newLogCursor()}
	a.stores = newCollection(a, "", storeKind(), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Store], error) {
		return l.config.Reader.ListStores(ctx, upstream.ListStoresParams{Account: info.ID, Paging: p})
	})
	return a
}

func (a *accountListings) clock() time.Time { return a.listings.config.Clock() }

// next advances the tick. The caller holds the lock.
func (a *accountListings) next() uint64 {
	a.tick++
	return a.tick
}

// mark returns the current tick and time as the start of a read.
func (a *accountListings) mark() readStart {
	a.mu.Lock()
	defer a.mu.Unlock()
	return readStart{tick: a.next(), began: a.clock()}
}

// known returns the collection of a store, or nil if none is cached. The caller holds the lock.
func (a *accountListings) known(storeID string) *collection[upstream.Secret] {
	s, _ := a.listings.secrets.Peek(storeKey{a.id, storeID})
	return s
}

// closed reports whether Storekeeper deleted a store.
func (a *accountListings) closed(storeID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stores.gone[storeID].ours
}

// markStoreDeleted records that Storekeeper deleted a store and drops the store's secrets. The caller
// holds the lock.
func (a *accountListings) markStoreDeleted(storeID string) {
	a.stores.markDeleted(storeID)
	a.listings.secrets.Remove(storeKey{a.id, storeID})
}

// markStoreMissing records that a read that began after since did not find a store. As in learnMissing, other
// replicas get no event about a store that the cache learned after since.
func (a *accountListings) markStoreMissing(ctx context.Context, storeID string, since uint64) {
	if storeID == "" {
		return
	}
	a.mu.Lock()
	f, listed := a.stores.entries[storeID]
	news := listed && f.learned <= since || !listed && a.known(storeID).shows()
	a.mu.Unlock()
	take := func() {
		a.stores.markMissing(storeID, since)
		// An identifier that does not exist must not take the LRU slot of a store.
		a.listings.secrets.Remove(storeKey{a.id, storeID})
	}
	if news {
		a.publish(ctx, logEvent{Missing: []string{storeID}}, take)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	take()
}
