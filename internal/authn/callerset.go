package authn

import (
	"crypto/sha256"
	"reflect"
)

// callerSet is an immutable set of accepted callers.
type callerSet struct {
	// generation is the number of the set, from 1.
	generation   uint64
	keys         map[[sha256.Size]byte]Principal
	issuers      map[string]*issuer
	verified     *tokenCache
	certificates []certificate
	// given are the configured issuers.
	given []Issuer
}

// newCallerSet checks the configured callers and returns the set that follows before. The keys of an issuer
// in both sets are not read again. After an error, before is unchanged.
func newCallerSet(c Config, before *callerSet) (*callerSet, error) {
	if err := c.checkUnique(); err != nil {
		return nil, err
	}
	s := &callerSet{generation: before.generation + 1, issuers: map[string]*issuer{}, given: c.Issuers, verified: before.verified}
	var err error
	if s.keys, err = digestKeys(c.APIKeys); err != nil {
		return nil, err
	}
	if s.certificates, err = readCertificates(c.Certificates); err != nil {
		return nil, err
	}
	if s.verified == nil || !reflect.DeepEqual(c.Issuers, before.given) {
		// A cached token may be of a subject that is not accepted any more.
		s.verified = newTokenCache()
	}
	for _, given := range c.Issuers {
		made, err := newIssuer(given, c, before.issuers[given.URL])
		if err != nil {
			s.closeKeys(before)
			return nil, err
		}
		s.issuers[given.URL] = made
	}
	return s, nil
}

// closeKeys stops the background work of the issuers that kept does not have.
func (s *callerSet) closeKeys(kept *callerSet) {
	for url, i := range s.issuers {
		if other := kept.issuers[url]; other == nil || other.keys != i.keys {
			i.keys.close()
		}
	}
}

// Replace replaces all callers at once: the keys, issuers and certificates of c. It ignores the other fields.
// A call that is authenticated after the return of Replace is authenticated against the new callers, on any
// connection. An error describes the mistake, and then nothing changes.
func (a *Authenticator) Replace(c Config) error {
	a.replacing.Lock()
	defer a.replacing.Unlock()
	before := a.now.Load()
	c.Clock, c.OnKeys, c.Files = a.config.Clock, a.config.OnKeys, a.config.Files
	next, err := newCallerSet(c, before)
	if err != nil {
		return err
	}
	a.now.Store(next)
	before.closeKeys(next)
	return nil
}
