package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// publicKey is what is read of a JSON Web Key (RFC 7517, RFC 7518, RFC 8037).
// Certificates beside the key (x5c, x5t, x5u) are not used, and one that is not
// understood must not take the key away.
type publicKey struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	Modulus   string `json:"n,omitempty"`
	Exponent  string `json:"e,omitempty"`
	ID        string `json:"kid,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	Use       string `json:"use,omitempty"`
	// Operations are what the key may be used for. Nil: nothing is said.
	Operations []string `json:"key_ops,omitempty"`
	// Private is there in a private key, which is no secret any more once it is
	// published.
	Private json.RawMessage `json:"d,omitempty"`
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
		if k, ok := parseKey(raw); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no public RSA (2048 to 8192 bits), ECDSA or Ed25519 key for signatures")
	}
	return keys, nil
}

// parseKey reads one key. It reports false for one that cannot check signatures.
func parseKey(raw json.RawMessage) (jose.JSONWebKey, bool) {
	var read publicKey
	var k jose.JSONWebKey
	if json.Unmarshal(raw, &read) != nil || read.Private != nil || !read.signs() {
		return k, false
	}
	plain, err := json.Marshal(read)
	if err != nil || json.Unmarshal(plain, &k) != nil {
		return k, false
	}
	return k, usable(k)
}

// signs reports whether a key is for signatures, as far as it says so.
func (k *publicKey) signs() bool {
	return (k.Use == "" || k.Use == "sig") && (k.Operations == nil || slices.Contains(k.Operations, "verify"))
}

// usable reports whether a key can check signatures, and is neither too short
// nor too long.
func usable(k jose.JSONWebKey) bool {
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return k.Valid() && key.N.BitLen() >= minRSABits && key.N.BitLen() <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return k.Valid()
	}
	return false
}

// fits reports whether a key can have made a signature of an algorithm.
func fits(k jose.JSONWebKey, algorithm string) bool {
	if k.Algorithm != "" {
		return k.Algorithm == algorithm
	}
	switch k.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(algorithm, "ES")
	}
	return algorithm == string(jose.EdDSA)
}
