// Package cache keeps near what the stores of each account are and what each
// store holds, so that reads cost Cloudflare next to nothing.
//
// It must not know who is calling or what a caller may see, and it never holds a
// value: upstream.Secret has none. Where nobody knows how Cloudflare searches or
// sorts, it asks Cloudflare instead of guessing.
//
// # What a reader can count on
//
// An answer is as Cloudflare's would have been at some moment that is not more
// than Config.MaxStaleness ago. A change through Apply is in the snapshot
// before the call returns, and no later read shows what was before, nor does one
// show less than another read has shown already. With a Log the same holds
// across the replicas that share it, as long as it can be reached; a change
// that could not be written to it reaches the others after MaxStaleness at most.
// While the log cannot be reached, a kept answer may lack changes of the last
// MaxStaleness that other replicas made, and is marked as stale.
// While Cloudflare cannot be asked, the last snapshot is shown, whatever its age,
// and marked as stale.
//
// # How entries are ordered
//
// Each account counts ticks. An entry has the tick at which it was learned, and a
// listing the tick at which its reading began. A listing does not overrule what
// was learned after it began: that is all it takes to keep a change that was
// made while a listing was under way. Between two states of one object the later
// time of change wins, and what Storekeeper deleted never returns. A name belongs
// to one object of a list: of two objects of a name the one that was made later
// wins.
//
// # Who pays
//
// A tenant whose read or change shows that a listing is wrong pays for reading
// the list anew. A page that only one caller needs is never an urgent call.
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

// Config is what Listings are made from.
type Config struct {
	// Reader is asked for listings.
	Reader upstream.Reader
	// MaxStaleness is the age at which a listing is made anew before it
	// answers, counted from the start of its reading. 0 means 30 seconds.
	MaxStaleness time.Duration
	// MaxAge is the age up to which listings are shown while changes of other replicas
	// cannot be followed and nothing newer can be read. 0 means 5 minutes.
	MaxAge time.Duration
	// MostStores is how many stores are remembered, the last used ones. A
	// secret costs about 500 bytes and its comment, so a full store of 100
	// costs about 50 KB. 0 means 1000.
	MostStores int
	// MostItems is the length of the longest list that is kept, at a call to
	// Cloudflare for each 100 every MaxStaleness. Reads of a longer one are
	// handed on one by one. 0 means 5000.
	MostItems int
	// Log tells replicas of each other's changes. Nil means that this is the
	// only one.
	Log ChangeLog
	// Clock tells the time, for ages alone. Nil means time.Now.
	Clock func() time.Time
}

// Listings are what is known of every account. It is safe for concurrent use.
type Listings struct {
	config   Config
	accounts map[string]*accountListings
	secrets  *lru.Cache[storeKey, *collection[upstream.Secret]]
	closing  context.Context
	close    context.CancelFunc
	mu       sync.Mutex
	work     sync.WaitGroup
}

// storeKey names a store by the identifiers of its account and its own.
type storeKey struct{ account, store string }

// New makes empty Listings. It asks nothing.
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

// Close ends the readings that run and waits for their end. Reads after it fail
// where they would need a reading.
func (l *Listings) Close() {
	l.mu.Lock()
	l.close()
	l.mu.Unlock()
	l.work.Wait()
}

// Secrets gives all secrets of a store, the newest first, from a listing whose
// reading began at or after notBefore. Zero means a listing of any age. Askers
// at the same time share a reading. Faults: NotFound, and those of a call to
// Cloudflare; nothing older is given instead.
func (l *Listings) Secrets(ctx context.Context, account, storeID string, notBefore time.Time) ([]upstream.Secret, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return whole(ctx, l.secretsOf(a, storeID), notBefore)
}

// Stores gives all stores of an account, as Secrets does for secrets.
func (l *Listings) Stores(ctx context.Context, account string, notBefore time.Time) ([]upstream.Store, error) {
	a := l.accounts[account]
	if a == nil {
		return nil, notServed()
	}
	return whole(ctx, a.stores, notBefore)
}

// secretsOf gives the collection of a store, an empty one where none is kept.
func (l *Listings) secretsOf(a *accountListings, storeID string) *collection[upstream.Secret] {
	key := storeKey{a.id, storeID}
	if s, ok := l.secrets.Get(key); ok {
		return s
	}
	fresh := newShelf(a, storeID, secretKind(), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Secret], error) {
		return l.config.Reader.ListSecrets(ctx, upstream.ListSecretsParams{Account: a.id, StoreID: storeID, Paging: p})
	})
	if s, ok, _ := l.secrets.PeekOrAdd(key, fresh); ok {
		return s
	}
	return fresh
}

// background runs work that no caller's end interrupts, with what ctx carries,
// but for the permit and the patience of the caller's own call.
func (l *Listings) background(ctx context.Context, limit time.Duration, work func(context.Context)) {
	ctx = change.Detached(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, limit)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing.Err() != nil {
		// The work still has to say that it came to nothing.
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
