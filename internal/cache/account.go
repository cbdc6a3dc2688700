package cache

import (
	"context"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// account is what is known of one account. Its lock guards all shelves of it.
type account struct {
	id      string
	library *Library
	mu      sync.Mutex
	// tick counts what happens.
	tick uint64
	// needs is the tick after which every listing must have begun.
	needs uint64
	// version counts what may change the quota.
	version uint64
	// running counts the changes under way, by store; "" stands for the list of
	// stores.
	running map[string]int
	stores  *shelf[upstream.Store]
	quota   quota

	trail trail
}

func (l *Library) newAccount(info upstream.AccountInfo) *account {
	a := &account{id: info.ID, library: l, running: map[string]int{}, trail: newTrail()}
	a.stores = newShelf(a, "", storeKind(), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Store], error) {
		return l.config.Reader.ListStores(ctx, upstream.ListStoresParams{Account: info.ID, Paging: p})
	})
	return a
}

func (a *account) clock() time.Time { return a.library.config.Clock() }

// next counts a tick; the caller holds the lock.
func (a *account) next() uint64 {
	a.tick++
	return a.tick
}

// mark says when now is.
func (a *account) mark() start {
	a.mu.Lock()
	defer a.mu.Unlock()
	return start{tick: a.next(), began: a.clock()}
}

// known gives the shelf of a store where one is kept; the caller holds the lock.
func (a *account) known(storeID string) *shelf[upstream.Secret] {
	s, _ := a.library.secrets.Peek(shelfKey{a.id, storeID})
	return s
}

// closed says whether Storekeeper deleted a store.
func (a *account) closed(storeID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stores.gone[storeID].ours
}

// buryStore takes it that Storekeeper deleted a store, with all that it held;
// the caller holds the lock.
func (a *account) buryStore(storeID string) {
	a.stores.bury(storeID)
	a.library.secrets.Remove(shelfKey{a.id, storeID})
}

// loseStore takes it that a read that began after since did not find a store.
func (a *account) loseStore(ctx context.Context, storeID string, since uint64) {
	if storeID == "" {
		return
	}
	a.mu.Lock()
	known := a.stores.has(storeID) || a.known(storeID).shows()
	a.mu.Unlock()
	take := func() {
		a.stores.miss(storeID, since)
		// An identifier that leads nowhere must not take the room of a store.
		a.library.secrets.Remove(shelfKey{a.id, storeID})
	}
	if known {
		a.tell(ctx, event{Missing: []string{storeID}}, take)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	take()
}
