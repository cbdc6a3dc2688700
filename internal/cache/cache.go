// Package cache caches the stores of each account and the secrets of each store, so that most reads
// need no call to Cloudflare.
//
// The package does not know the caller or what a caller may see, and it never holds a secret value:
// upstream.Secret has none. Where Cloudflare's search or sort rules are unknown, the package asks
// Cloudflare.
//
// # Guarantees to readers
//
// An answer is what Cloudflare would have answered at some moment at most Config.MaxStaleness ago.
// A change through Apply is in the snapshot before Apply returns. No later read shows the state
// before the change, and no read shows less than an earlier read. With a Log, the same holds across
// the replicas that share the Log while the Log can be reached. A change that could not be written
// to the Log reaches the other replicas after at most MaxStaleness. While the Log cannot be
// reached, a cached answer may lack changes that other replicas made in the last MaxStaleness, and
// is marked as stale. While Cloudflare cannot be reached, the last snapshot is shown at any age and
// marked as stale.
//
// # Order of entries
//
// Each account has a logical clock that counts ticks. An entry has the tick at which the cache
// learned the entry. A listing has the tick at which its reading began. A listing does not
// overwrite entries that were learned after the reading began, so a change that was made during a
// reading is kept. Of two states of one object, the state with the later modification time wins. An
// object that Storekeeper deleted never returns. A list has at most one object of each name: of two
// objects with the same name, the object that was created later wins.
//
// # Budget
//
// A tenant whose read or change shows that a listing is wrong pays for the new reading. A page that
// only one caller needs is never an urgent call.
package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	defaultStaleness = 30 * time.Second
	defaultAge       = 5 * time.Minute
	defaultStores    = 1000
	defaultItems     = 5000
)

// Config configures Listings.
type Config struct {
	// Reader reads listings from Cloudflare.
	Reader upstream.Reader
	// MaxStaleness is the age at which a listing is read again before a read is answered. The age
	// counts from the start of the reading. 0 means 30 seconds.
	MaxStaleness time.Duration
	// MaxAge is the maximum age of a listing that is shown while changes of other replicas cannot
	// be followed and no newer listing can be read. 0 means 5 minutes.
	MaxAge time.Duration
	// MostStores is the number of cached stores (LRU). A secret takes about 500 bytes plus the
	// comment, so a full store of 100 secrets takes about 50 KB. 0 means 1000.
	MostStores int
	// MostItems is the length of the longest list that is cached. A cached list takes one call to
	// Cloudflare per 100 items and MaxStaleness. Reads of a longer list are forwarded to
	// Cloudflare. 0 means 5000.
	MostItems int
	// Log carries changes between replicas. Nil means that there are no other replicas.
	Log ChangeLog
	// Clock returns the time, used for ages only. Nil means time.Now.
	Clock func() time.Time
}

// Listings is the cache of all accounts. It is safe for concurrent use.
type Listings struct {
	config   Config
	accounts map[string]*accountListings
	secrets  *lru.Cache[storeKey, *collection[upstream.Secret]]
	closing  context.Context
	close    context.CancelFunc
	mu       sync.Mutex
	work     sync.WaitGroup
}

// storeKey identifies a store by account identifier and store identifier.
type storeKey struct{ account, store string }

// New makes empty Listings. New makes no calls.
func New(c Config) (*Listings, error) {
	if c.Reader == nil {
		return nil, errors.New("cache: a reader is needed")
	}
	c = c.withDefaults()
	kept, err := lru.New[storeKey, *collection[upstream.Secret]](c.MostStores)
	if err != nil {
		return nil, fmt.Errorf("cache: make room for stores: %w", err)
	}
	l := &Listings{config: c, accounts: map[string]*accountListings{}, secrets: kept}
	l.closing, l.close = context.WithCancel(context.Background())
	for _, info := range c.Reader.Accounts() {
		a := l.newAccount(info)
		l.accounts[info.ID], l.accounts[info.Name] = a, a
	}
	return l, nil
}

func (c Config) withDefaults() Config {
	if c.MaxStaleness <= 0 {
		c.MaxStaleness = defaultStaleness
	}
	if c.MaxAge <= 0 {
		c.MaxAge = defaultAge
	}
	if c.MostStores <= 0 {
		c.MostStores = defaultStores
	}
	if c.MostItems <= 0 {
		c.MostItems = defaultItems
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// Close cancels running readings and waits for them to end. After Close, a read that needs a
// reading fails.
func (l *Listings) Close() {
	l.mu.Lock()
	l.close()
	l.mu.Unlock()
	l.work.Wait()
}

// Secrets returns all secrets of a store, newest first, from a listing whose reading began at or
// after notBefore. A zero notBefore accepts a listing of any age. Concurrent callers share a
// reading. Secrets never falls back to an older listing. Faults: NotFound, and the faults of a call
// to Cloudflare.
func (l *Listings) Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return whole(ctx, l.secretsOf(a, storeID), notBefore)
}

// Stores returns all stores of an account, as Secrets does for secrets.
func (l *Listings) Stores(ctx context.Context, account string, notBefore time.Time) ([]upstream.Store, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return whole(ctx, a.stores, notBefore)
}

// secretsOf returns the collection of a store. If none is cached, secretsOf adds an empty
// collection.
func (l *Listings) secretsOf(a *accountListings, storeID string) *collection[upstream.Secret] {
	key := storeKey{a.id, storeID}
	if s, ok := l.secrets.Get(key); ok {
		return s
	}
	fresh := newCollection(a, storeID, secretKind(), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Secret], error) {
		return l.config.Reader.ListSecrets(ctx, upstream.ListSecretsParams{Account: a.id, StoreID: storeID, Paging: p})
	})
	if s, ok, _ := l.secrets.PeekOrAdd(key, fresh); ok {
		return s
	}
	return fresh
}

// background runs work with the values of ctx, but without the caller's cancellation and permit,
// and with the time limit of the work in place of the caller's wait limit.
func (l *Listings) background(ctx context.Context, limit time.Duration, work func(context.Context)) {
	ctx = change.Detached(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, limit)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing.Err() != nil {
		// work must still report a failure to its waiters.
		cancel()
		go work(ctx)
		return
	}
	stop := context.AfterFunc(l.closing, cancel)
	l.work.Go(func() {
		defer cancel()
		defer stop()
		work(ctx)
	})
}
