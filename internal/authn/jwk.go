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

// publicKey is the part of a JSON Web Key (RFC 7517, RFC 7518, RFC 8037) that is read. Certificates in the
// key (x5c, x5t, x5u) are ignored, so that a malformed certificate does not disable the key.
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
	// Operations are the permitted uses of the key. Nil: not restricted.
	Operations []string `json:"key_ops,omitempty"`
	// Private is set in a private key. A published private key is not secret
	// any more and is not used.
	Private json.RawMessage `json:"d,omitempty"`
}

// parseKeys parses a JSON Web Key Set. Keys of unsupported types are skipped,
// as the standard requires. A set without any usable key is an error.
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

// parseKey parses a key. It returns false for a key that cannot verify signatures.
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

// signs reports whether a key may be used for signatures.
func (k *publicKey) signs() bool {
	return (k.Use == "" || k.Use == "sig") && (k.Operations == nil || slices.Contains(k.Operations, "verify"))
}

// usable reports whether a key can verify signatures and has an accepted size.
func usable(k jose.JSONWebKey) bool {
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return k.Valid() && key.N.BitLen() >= minRSABits && key.N.BitLen() <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return k.Valid()
	}
	return false
}

// fits reports whether a key can have made a signature with an algorithm.
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
