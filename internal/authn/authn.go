// Package authn finds out who is calling: by an API key, by a signed token of
// an issuer that is trusted, or by a client certificate.
//
// It must not know what the call is: rights are judged elsewhere, and no
// credential leaves this package, not even in an error.
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

// Config is what an Authenticator is made from.
type Config struct {
	// APIKeys are the keys that are accepted. Each digest stands there once.
	APIKeys []APIKey
	// Issuers are the issuers whose tokens are accepted.
	Issuers []Issuer
	// Certificates are the names in client certificates that are accepted.
	Certificates []Certificate
	// Clock tells the time that credentials are held against. Nil: time.Now.
	Clock func() time.Time
	// OnKeys hears of every attempt to read the keys of an issuer. It is called
	// from several goroutines and must not block. Nil: nobody hears.
	OnKeys func(KeyEvent)
	// Files watches files of keys. Nil: they are read once.
	Files *filewatch.Watcher
}

// Authenticator knows the credentials that are accepted. It is safe for
// concurrent use.
type Authenticator struct {
	clock        func() time.Time
	keys         map[[sha256.Size]byte]Principal
	issuers      map[string]*issuer
	verified     *tokenCache
	certificates []certificate
}

// New returns an Authenticator, which reads the keys of issuers in the
// background until it is closed. It waits for no issuer, so one that is down
// keeps nobody from starting. An error says which part of the configuration
// would be unsafe or cannot be read.
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

// Close ends the work in the background and waits for its end. Authenticate
// must not be called after it.
func (a *Authenticator) Close() {
	for _, i := range a.issuers {
		i.keys.close()
	}
}

// Authenticate returns the caller that the credentials belong to. Where both
// header schemes are sent, as the SDKs do when both are configured,
// Authorization counts. A client certificate counts where no header is sent.
//
// The error is a fault of kind Unauthenticated, or Unavailable where a token
// cannot be judged now. It says what to mend and never what was sent.
//
// A token that was good is remembered for up to a minute and at most until it
// ends or the keys of its issuer are read anew.
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
	// The digest is compared, never the key, so the time that a look-up takes
	// says nothing about the keys that exist.
	digest := shown.digest()
	if p, ok := a.keys[digest]; ok {
		return p, nil
	}
	if shown.bearer && len(a.issuers) > 0 {
		// Only a good token is remembered, so its form need not be looked at.
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

// authenticateToken returns the caller that a token names, which is not remembered. digest
// is that of the token.
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

// untrusted makes the fault of a token whose issuer is not configured. The claim
// was not verified, so it is not repeated in the log; only the usual mistake is.
func (a *Authenticator) untrusted(claimed string) error {
	f := fault.New(fault.Unauthenticated, WrongIssuer, "The token is of an issuer that Storekeeper does not trust; use a token of one that its configuration lists.")
	for url, i := range a.issuers {
		if strings.TrimSuffix(url, "/") == strings.TrimSuffix(claimed, "/") {
			return f.Because(fmt.Errorf("the claim iss and the URL of issuer %q differ by a slash at the end: make callers.issuers[].issuer equal to the claim", i.name))
		}
	}
	return f
}
