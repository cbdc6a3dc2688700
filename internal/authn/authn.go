// Package authn authenticates callers: by an API key, by a signed token of a
// trusted issuer, or by a client certificate.
//
// The package must not know what the call is: package authz decides on rights.
// No credential leaves this package, not even in an error.
package authn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/filewatch"
)

// Config configures an Authenticator.
type Config struct {
	// APIKeys are the accepted keys. Each digest appears once.
	APIKeys []APIKey
	// Issuers are the issuers whose tokens are accepted.
	Issuers []Issuer
	// Certificates are the names in client certificates that are accepted.
	Certificates []Certificate
	// Clock returns the time that the validity of credentials is checked
	// against. Nil: time.Now.
	Clock func() time.Time
	// OnKeys is called after every attempt to read the keys of an issuer, from
	// several goroutines. It must not block. Nil: not called.
	OnKeys func(KeyEvent)
	// Files watches key files. Nil: they are read once.
	Files *filewatch.Watcher
}

// Authenticator checks credentials. It is safe for concurrent use.
type Authenticator struct {
	clock        func() time.Time
	keys         map[[sha256.Size]byte]Principal
	issuers      map[string]*issuer
	verified     *tokenCache
	certificates []certificate
}

// New returns an Authenticator. It reads the keys of issuers in the background
// until it is closed. It waits for no issuer, so an issuer that is down does
// not delay the start. An error says which part of the configuration is unsafe
// or cannot be read.
func New(c Config) (*Authenticator, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.OnKeys == nil {
		c.OnKeys = func(KeyEvent) {}
	}
	if err := c.checkUnique(); err != nil {
		return nil, err
	}
	a := &Authenticator{clock: c.Clock, issuers: map[string]*issuer{}, verified: newTokenCache()}
	var err error
	if a.keys, err = digestKeys(c.APIKeys); err != nil {
		return nil, err
	}
	if a.certificates, err = readCertificates(c.Certificates); err != nil {
		return nil, err
	}
	for _, given := range c.Issuers {
		made, err := newIssuer(given, c)
		if err != nil {
			a.Close()
			return nil, err
		}
		a.issuers[given.URL] = made
	}
	return a, nil
}

// Close stops the background work and waits for its end. Authenticate must not
// be called afterwards.
func (a *Authenticator) Close() {
	for _, i := range a.issuers {
		i.keys.close()
	}
}

// Authenticate returns the principal of the credentials. If both header schemes
// are sent, as the SDKs do when both are configured, Authorization counts. A
// client certificate counts if no header is sent.
//
// The error is a fault of kind Unauthenticated, or Unavailable if a token
// cannot be verified now. It says what to correct and never repeats what was
// sent.
//
// A verified token is cached for up to a minute, and at most until it expires
// or the keys of its issuer are read again.
func (a *Authenticator) Authenticate(ctx context.Context, c Credentials) (Principal, error) {
	if c.malformed != nil {
		return Principal{}, c.malformed
	}
	if c.onlyCertificate() && len(a.certificates) > 0 {
		return a.authenticateCertificate(c.Chains)
	}
	shown, err := c.secret()
	if err != nil {
		return Principal{}, err
	}
	// The digest is compared, never the key, so the duration of a look-up tells
	// nothing about existing keys.
	digest := shown.digest()
	if p, ok := a.keys[digest]; ok {
		return p, nil
	}
	if shown.bearer && len(a.issuers) > 0 {
		// Only verified tokens are in the cache, so the format is not checked
		// before.
		now := a.clock()
		if p, ok := a.verified.find(digest, now); ok {
			return p, nil
		}
		if jwtForm(shown.text) {
			return a.authenticateToken(ctx, shown.text, digest, now)
		}
	}
	return Principal{}, refused(Unknown, "The API key is not one that Storekeeper knows.")
}

// authenticateToken verifies a token that is not cached. digest is the digest
// of the token.
func (a *Authenticator) authenticateToken(ctx context.Context, token string, digest [sha256.Size]byte, now time.Time) (Principal, error) {
	shown, err := parseUnverified(token)
	if err != nil {
		return Principal{}, err
	}
	i, trusted := a.issuers[shown.issuer]
	if !trusted {
		return Principal{}, a.untrusted(shown.issuer)
	}
	version := i.keys.version()
	p, err := i.verify(ctx, shown, now)
	if err != nil {
		return Principal{}, err
	}
	a.verified.add(digest, cachedToken{principal: p, keys: i.keys, version: version, bytes: len(token)}, now)
	return p, nil
}

// untrusted returns the fault of a token whose issuer is not configured. The
// claim is not verified, so the log does not repeat it. It only names the most
// common mistake.
func (a *Authenticator) untrusted(claimed string) error {
	f := fault.New(fault.Unauthenticated, WrongIssuer, "The token is of an issuer that Storekeeper does not trust; use a token of one that its configuration lists.")
	for url, i := range a.issuers {
		if strings.TrimSuffix(url, "/") == strings.TrimSuffix(claimed, "/") {
			return f.Because(fmt.Errorf("the claim iss and the URL of issuer %q differ by a slash at the end: make callers.issuers[].issuer equal to the claim", i.name))
		}
	}
	return f
}
