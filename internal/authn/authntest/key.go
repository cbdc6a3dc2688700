package authntest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Key is a key that signs tokens.
type Key struct {
	// ID is the key id in the key set. It is unique.
	ID string
	// Algorithm is the signature algorithm.
	Algorithm jose.SignatureAlgorithm
	// Private is the key.
	Private crypto.Signer
}

// NewKey makes a key for an algorithm. RSA keys take a while.
func NewKey(tb testing.TB, algorithm jose.SignatureAlgorithm) Key {
	tb.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES512:
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return Key{ID: "key-" + rand.Text(), Algorithm: algorithm, Private: private}
}

// Sign makes a token of claims. header adds to alg, typ and kid, or replaces them; a nil value removes a
// field. A wrong alg changes only the field: the signature stays that of the key.
func (k Key) Sign(tb testing.TB, header, claims map[string]any) string {
	tb.Helper()
	all := map[string]any{"alg": string(k.Algorithm), "typ": "JWT", "kid": k.ID}
	maps.Copy(all, header)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return Forge(tb, all, claims, k.Signature(tb))
}

// Signature returns a signing function for Forge.
func (k Key) Signature(tb testing.TB) func(input []byte) []byte {
	return func(input []byte) []byte {
		tb.Helper()
		signature, err := k.sign(input)
		if err != nil {
			tb.Fatal(err)
		}
		return signature
	}
}

// sign makes a signature of the form that tokens have.
func (k Key) sign(input []byte) ([]byte, error) {
	if k.Algorithm == jose.EdDSA {
		return k.Private.Sign(nil, input, crypto.Hash(0))
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[string(k.Algorithm)[2:]]
	h := hash.New()
	_, _ = h.Write(input) // a hash takes everything
	digest := h.Sum(nil)
	if key, ok := k.Private.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err
		}
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	}
	if k.Algorithm[0] == 'P' {
		return k.Private.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	}
	return k.Private.Sign(rand.Reader, digest, hash)
}

// Forge makes a token of any header and claims. sign gets the bytes to sign and
// returns the signature; nil: none.
func Forge(tb testing.TB, header, claims any, sign func(input []byte) []byte) string {
	tb.Helper()
	input := part(tb, header) + "." + part(tb, claims)
	var signature []byte
	if sign != nil {
		signature = sign([]byte(input))
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// part writes a part of a token. Bytes are taken for JSON as they are.
func part(tb testing.TB, content any) string {
	tb.Helper()
	text, raw := content.([]byte)
	if !raw {
		var err error
		if text, err = json.Marshal(content); err != nil {
			tb.Fatal(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (k Key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"}
}
