package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// cacheTime is how long a good token is not checked again.
	cacheTime = time.Minute
	// A generation of remembered tokens ends with this many tokens, or with
	// this many bytes of tokens, since their claims are kept.
	generationTokens, generationBytes = 16384, 8 << 20
)

// cachedToken is a token that was good.
type cachedToken struct {
	principal Principal
	// keys and version are what it was checked with.
	keys    keySource
	version uint64
	bytes   int
	until   time.Time
}

// tokenCache remembers good tokens by their digests, so that a burst of calls
// costs one check. There are two generations: when the younger is full, the
// older is forgotten.
type tokenCache struct {
	mu             sync.Mutex
	younger, older map[[sha256.Size]byte]cachedToken
	bytes          int
}

func newTokenCache() *tokenCache {
	return &tokenCache{younger: map[[sha256.Size]byte]cachedToken{}}
}

// find returns the caller of a token that is still remembered. A token is
// forgotten when it ends and when the keys of its issuer were read anew.
func (c *tokenCache) find(digest [sha256.Size]byte, now time.Time) (Principal, bool) {
	c.mu.Lock()
	r, ok := c.younger[digest]
	if !ok {
		r, ok = c.older[digest]
	}
	c.mu.Unlock()
	if !ok || !now.Before(r.until) || r.keys.version() != r.version {
		return Principal{}, false
	}
	return r.principal, true
}

// add remembers a good token.
func (c *tokenCache) add(digest [sha256.Size]byte, r cachedToken, now time.Time) {
	r.until = now.Add(cacheTime)
	if r.principal.Expires.Before(r.until) {
		r.until = r.principal.Expires
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.younger) >= generationTokens || c.bytes >= generationBytes {
		c.older, c.younger, c.bytes = c.younger, map[[sha256.Size]byte]cachedToken{}, 0
	}
	c.younger[digest] = r
	c.bytes += r.bytes
}
