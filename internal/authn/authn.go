// Package authn authenticates callers: by an API key, by a signed token of a trusted issuer, or by a client
// certificate.
//
// The package must not know the call: package authz decides on rights. No credential leaves this package, not
// even in an error.
package authn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/filewatch"
)

// Config configures an Authenticator.
type Config struct {
	// APIKeys are the accepted keys. Each digest appears once.
	APIKeys []APIKey
	// Issuers are the accepted issuers of tokens.
	Issuers []Issuer
	// Certificates are the accepted names in client certificates.
	Certificates []Certificate
	// Clock returns the time for checks of validity. Nil: time.Now.
	Clock func() time.Time
	// OnKeys is called after every attempt to read the keys of an issuer, from
	// several goroutines. It must not block. Nil: not called.
	OnKeys func(KeyEvent)
	// Files watches key files. Nil: they are read once.
	Files *filewatch.Watcher
}

// Authenticator checks credentials. It is safe for concurrent use.
type Authenticator struct {
	config Config
	clock  func() time.Time
	now    atomic.Pointer[callerSet]
	// replacing is held while the callers are replaced.
	replacing sync.Mutex
}

// New returns an Authenticator. It reads the keys of issuers in the background until Close. It waits for no
// issuer, so an unavailable issuer does not delay the start. An error names the part of the configuration
// that is unsafe or cannot be read.
func New(c Config) (*Authenticator, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.OnKeys == nil {
		c.OnKeys = func(KeyEvent) {}
	}
	first, err := newCallerSet(c, &callerSet{})
	if err != nil {
		return nil, err
	}
	a := &Authenticator{config: c, clock: c.Clock}
	a.now.Store(first)
	return a, nil
}

// Close stops the background work and waits for its end. The caller must not call Authenticate afterwards.
func (a *Authenticator) Close() {
	a.replacing.Lock()
	defer a.replacing.Unlock()
	a.now.Load().closeKeys(&callerSet{})
}

// Authenticate returns the principal of the credentials. If both header schemes are sent, as the SDKs do when
// both are configured, Authorization counts. A client certificate counts if no header is sent.
//
// The error is a fault of kind Unauthenticated, or Unavailable if a token cannot be verified now. It says how
// to correct the credential and never repeats the credential.
//
// A verified token is cached for up to a minute, and at most until it expires, the keys of its issuer are
// read again, or the issuers are replaced.
func (a *Authenticator) Authenticate(ctx context.Context, c Credentials) (Principal, error) {
	if c.malformed != nil {
		return Principal{}, c.malformed
	}
	callers := a.now.Load()
	if c.onlyCertificate() && len(callers.certificates) > 0 {
		return callers.authenticateCertificate(c.Chains, a.clock())
	}
	shown, err := c.secret()
	if err != nil {
		return Principal{}, err
	}
	// The digest is compared, never the key, so the duration of a look-up tells
	// nothing about existing keys.
	digest := shown.digest()
	if p, ok := callers.keys[digest]; ok {
		if err := a.valid(&p); err != nil {
			return Principal{}, err
		}
		return p, nil
	}
	if shown.bearer && len(callers.issuers) > 0 {
		// Only verified tokens are in the cache, so the format is not checked
		// before.
		now := a.clock()
		if p, ok := callers.verified.find(digest, now); ok {
			return p, nil
		}
		if jwtForm(shown.text) {
			return callers.authenticateToken(ctx, shown.text, digest, now)
		}
	}
	return Principal{}, refused(Unknown, "The API key is not one that Storekeeper knows.")
}

// authenticateToken verifies a token that is not cached. digest is the digest
// of the token.
func (s *callerSet) authenticateToken(ctx context.Context, token string, digest [sha256.Size]byte, now time.Time) (Principal, error) {
	shown, err := parseUnverified(token)
	if err != nil {
		return Principal{}, err
	}
	i, trusted := s.issuers[shown.issuer]
	if !trusted {
		return Principal{}, s.untrusted(shown.issuer)
	}
	version := i.keys.version()
	p, err := i.verify(ctx, shown, now)
	if err != nil {
		return Principal{}, err
	}
	s.verified.add(digest, cachedToken{principal: p, keys: i.keys, version: version, bytes: len(token)}, now)
	return p, nil
}

// untrusted returns the fault of a token whose issuer is not configured. The log does not repeat the
// unverified claim. It only names the most common mistake.
func (s *callerSet) untrusted(claimed string) error {
	f := fault.New(fault.Unauthenticated, WrongIssuer, "The token is of an issuer that Storekeeper does not trust; use a token of one that its configuration lists.")
	for url, i := range s.issuers {
		if strings.TrimSuffix(url, "/") == strings.TrimSuffix(claimed, "/") {
			return f.Because(fmt.Errorf("the claim iss and the URL of issuer %q differ by a slash at the end: make callers.issuers[].issuer equal to the claim", i.name))
		}
	}
	return f
}
