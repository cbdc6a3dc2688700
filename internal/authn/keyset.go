package authn

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxKeys is the maximum number of keys that an issuer may publish.
	maxKeys = 100
	// maxTried is the maximum number of keys that are tried for a token without a key id, since
	// unauthenticated clients can send such tokens.
	maxTried = 8
	// The accepted sizes of RSA keys, in bits. Shorter keys can be broken. Verification with longer keys
	// costs too much for unauthenticated callers.
	minRSABits, maxRSABits = 2048, 8192
)

// KeyEvent is the result of an attempt to read the keys of an issuer.
type KeyEvent struct {
	// Issuer is the name of the issuer.
	Issuer string
	// Keys is the number of keys in use now.
	Keys int
	// Err is the reason why the keys could not be read. The earlier keys stay in use. Err holds nothing of a
	// token.
	Err error
}

// keySource provides the keys of an issuer.
type keySource interface {
	// current returns the keys to use now. It waits for the first keys. An
	// error is a fault or the error of ctx.
	current(ctx context.Context) (keySet, error)
	// renew reads the keys again if their version is still version and a fetch is due. It returns the keys in
	// use afterwards. An error is the error of ctx.
	renew(ctx context.Context, version uint64) (keySet, error)
	// version changes when the keys are read again.
	version() uint64
	// state returns the state of the keys.
	state() keyState
	close()
}

// keyState is the state of the keys of an issuer.
type keyState struct {
	// keys is the number of usable keys.
	keys int
	// read is when the keys were fetched. Zero: never, or from a file.
	read time.Time
	// ends is when the keys become unusable unless they are fetched again. Zero
	// like read.
	ends time.Time
	// failed is the error of the last attempt. Nil: the attempt succeeded.
	failed error
	last   fetchResult
	// fetches says that the keys are fetched instead of read from a file.
	fetches bool
}

// keyPlace is the source of an issuer's keys, with its intervals.
type keyPlace struct {
	name, url, jwksURL, jwksFile, caFile, tokenFile string
	refreshEvery, refreshAtMost, keysMaxAge         time.Duration
}

func (i *Issuer) keyPlace() keyPlace {
	return keyPlace{
		i.Name, i.URL, i.JWKSURL, i.JWKSFile, i.CAFile, i.TokenFile,
		i.RefreshEvery, i.RefreshAtMost, i.KeysMaxAge,
	}
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

// keySet is an immutable set of keys of an issuer.
type keySet struct {
	keys    []jose.JSONWebKey
	version uint64
}

// candidates returns the keys that can have made a signature, and whether one has the key id of the token. A
// key without an id can match any key id: the id is a hint (RFC 7515, section 4.1.4). It returns at most
// maxTried keys.
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
