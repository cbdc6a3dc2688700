package authn

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxKeys is how many keys an issuer may publish.
	maxKeys = 100
	// maxTried is how many keys are tried for a token that names none, since
	// anybody can send one.
	maxTried = 8
	// The sizes of RSA keys that are used, in bits: shorter ones can be broken,
	// longer ones cost too much for strangers to ask for.
	minRSABits, maxRSABits = 2048, 8192
)

// KeyEvent says how reading the keys of an issuer went.
type KeyEvent struct {
	// Issuer is the name of the issuer.
	Issuer string
	// Keys is how many keys are in use now.
	Keys int
	// Err says why the keys could not be read; those that were there stay in
	// use. It holds nothing of a token.
	Err error
}

// keySource has the keys of an issuer.
type keySource interface {
	// current returns the keys to use now, and waits for the first ones. An
	// error is a fault, or of ctx.
	current(ctx context.Context) (keySet, error)
	// renew reads the keys anew if they are still those of the version and it
	// is due, and returns what is in use then. An error is of ctx.
	renew(ctx context.Context, version uint64) (keySet, error)
	// version changes when the keys are read anew.
	version() uint64
	// state says how reading the keys stands.
	state() keyState
	close()
}

// keyState is how reading the keys of an issuer stands.
type keyState struct {
	// keys is how many can be used now.
	keys int
	// read is when they were read from the issuer. Zero: never, or from a file.
	read time.Time
	// ends is when they can no longer be used, unless they are read again. Zero as
	// read is.
	ends time.Time
	// failed says why the last attempt gave none. Nil: it did.
	failed error
	last   fetchResult
	// fetches is true of keys that are fetched, and false of those in a file.
	fetches bool
}

// newKeySource starts to read the keys of an issuer.
func newKeySource(given Issuer, c Config) (keySource, error) {
	tell := func(keys int, err error) { c.OnKeys(KeyEvent{Issuer: given.Name, Keys: keys, Err: err}) }
	if given.JWKSFile != "" {
		return newFileKeys(given.JWKSFile, c.Files, tell)
	}
	f := given.fetcher()
	if _, err := f.client(); err != nil {
		return nil, err
	}
	return newRemoteKeys(f.fetch, given, c.Clock, tell), nil
}

// keySet is the keys of an issuer at one time.
type keySet struct {
	keys    []jose.JSONWebKey
	version uint64
}

// candidates returns the keys that can have made a signature, and whether one of
// them has the name that the token gives. A key without a name can be the one
// that a token names: the name is a hint (RFC 7515, section 4.1.4). Of keys that
// the token does not name, as many are returned as are worth trying.
func (s keySet) candidates(keyID, algorithm string) (fit []jose.JSONWebKey, named bool) {
	for _, k := range s.keys {
		same := keyID != "" && k.KeyID == keyID
		if !same && keyID != "" && k.KeyID != "" || !fits(k, algorithm) {
			continue
		}
		named = named || same
		if len(fit) < maxTried {
			fit = append(fit, k)
		} else if same {
			fit[maxTried-1] = k
		}
	}
	return fit, named
}
