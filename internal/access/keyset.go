package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// maxKeys is how many keys an issuer may publish.
	maxKeys = 100
	// maxTried is how many keys are tried for a token that names none, since
	// anybody can send one.
	maxTried = 8
	// The sizes of RSA keys that are used, in bits: shorter ones can be broken,
	// longer ones cost too much for strangers to ask for.
	leastRSA, mostRSA = 2048, 8192
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
	close()
}

// newKeySource starts to read the keys of an issuer.
func newKeySource(given Issuer, c Config) (keySource, error) {
	tell := func(keys int, err error) { c.OnKeys(KeyEvent{Issuer: given.Name, Keys: keys, Err: err}) }
	if given.JWKSFile != "" {
		return newFileKeys(given.JWKSFile, c.Clock, tell)
	}
	f := fetcher{issuer: given.URL, keysURL: given.JWKSURL, caFile: given.CAFile}
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

// candidates returns the keys that can have made a signature. Without a keyID
// these are those that fit the algorithm, as far as it is worth trying.
func (s keySet) candidates(keyID, algorithm string) []jose.JSONWebKey {
	var fit []jose.JSONWebKey
	for _, k := range s.keys {
		if keyID != "" && k.KeyID != keyID || k.Algorithm != "" && k.Algorithm != algorithm {
			continue
		}
		if fit = append(fit, k); len(fit) == maxTried {
			break
		}
	}
	return fit
}

// parseKeys reads a JSON Web Key Set. Keys of a kind that is not used are left
// out, as the standard wants it; a set without any other is an error.
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if !shallow(text) || json.Unmarshal(text, &set) != nil {
		return nil, errors.New("the key set is not one: it must be JSON with a list of keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set must have at most %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && usable(k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no public RSA (2048 to 8192 bits), ECDSA or Ed25519 key for signatures")
	}
	return keys, nil
}

// usable reports whether a key can check signatures. A symmetric or a private
// key in a published set is no secret any more.
func usable(k jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return k.Valid() && key.N.BitLen() >= leastRSA && key.N.BitLen() <= mostRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return k.Valid()
	}
	return false
}
