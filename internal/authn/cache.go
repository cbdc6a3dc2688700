package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// cacheTime is how long a verified token is cached.
	cacheTime = time.Minute
	// A generation of cached tokens ends with this many tokens, or with this
	// many bytes of tokens, since the cache keeps their claims.
	generationTokens, generationBytes = 16384, 8 << 20
)

// cachedToken is a verified token.
type cachedToken struct {
	principal Principal
	// keys and version are the keys that verified the token.
	keys    keySource
	version uint64
	bytes   int
	until   time.Time
}

// tokenCache caches verified tokens by their digests, so that a burst of calls costs one verification. It has
// two generations: when the younger is full, the older is dropped.
type tokenCache struct {
	mu             sync.Mutex
	younger, older map[[sha256.Size]byte]cachedToken
	bytes          int
}

func newTokenCache() *tokenCache {
	return &tokenCache{younger: map[[sha256.Size]byte]cachedToken{}}
}

// find returns the principal of a cached token. It ignores a token that has expired, or whose issuer's keys
// were read again.
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

// add caches a verified token.
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
