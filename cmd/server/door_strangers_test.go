package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
)

// badKeys returns invalid API keys.
func (*door) badKeys(t *testing.T) []stranger {
	t.Helper()
	revokeKey(t)
	return []stranger{
		{name: "none", reason: authn.Missing},
		{name: "another scheme", shown: shown{headers: []string{"Authorization: Basic " + doorKey}}, reason: authn.Malformed},
		{name: "a scheme without a credential", shown: shown{headers: []string{"Authorization: Bearer"}}, reason: authn.Malformed},
		{name: "a key in the older scheme without an address", shown: shown{headers: []string{"X-Auth-Key: " + doorKey}}, reason: authn.Malformed},
		{name: "an unknown key", shown: bearer("sk_" + strings.Repeat("0f", 32)), reason: authn.Unknown},
		{name: "an unknown key in the older scheme", shown: shown{headers: []string{"X-Auth-Email: a@example.com", "X-Auth-Key: sk_unknown-in-the-older-scheme"}}, reason: authn.Unknown},
		{name: "an unknown key before a good one in the older scheme", shown: shown{headers: []string{"Authorization: Bearer sk_before-a-good-one", "X-Auth-Email: a@example.com", "X-Auth-Key: " + doorKey}}, reason: authn.Unknown},
		{name: "a revoked key", shown: bearer(revokedKey), reason: authn.Unknown},
		{name: "the digest of a key", shown: bearer(fmt.Sprintf("%x", sha256.Sum256([]byte(doorKey)))), reason: authn.Unknown},
		{name: "the platform's own token", shown: bearer(platformToken), reason: authn.Unknown},
	}
}

// revokeKey runs and stops a program with a key that the configuration of the
// tests does not have.
func revokeKey(t *testing.T) {
	t.Helper()
	p := start(t, setup{callers: fmt.Sprintf("  - {name: old, sha256: %x}", sha256.Sum256([]byte(revokedKey)))})
	p.must("GET", "/client/v4/user", "", "Authorization: Bearer "+revokedKey)
	p.stop()
}

// badTokens returns tokens that the issuer signed, with claims that are not accepted.
func (d *door) badTokens(t *testing.T) []stranger {
	t.Helper()
	token := func(changes map[string]any) shown {
		return bearer(d.issuer.Token(doorAudience, doorSubject, changes))
	}
	ago, ahead := time.Now().Add(-time.Minute).Unix(), time.Now().Add(10*time.Minute).Unix()
	return []stranger{
		{name: "an expired token", shown: token(map[string]any{"exp": ago}), reason: authn.Expired},
		{name: "a token that is not yet valid", shown: token(map[string]any{"nbf": ahead}), reason: authn.NotYetValid},
		{name: "a token without an end", shown: token(map[string]any{"exp": nil}), reason: authn.Malformed},
		{name: "a token for another audience", shown: bearer(d.issuer.Token("https://other.example.com", doorSubject, nil)), reason: authn.WrongAudience},
		{name: "a token for no audience", shown: token(map[string]any{"aud": nil}), reason: authn.WrongAudience},
		{name: "a token of an issuer that is on no list", shown: bearer(authntest.NewIssuer(t).Token(doorAudience, doorSubject, nil)), reason: authn.WrongIssuer},
		{name: "a token of a subject that is on no list", shown: bearer(d.issuer.Token(doorAudience, "repo:my-org/unheard:ref:refs/heads/main", nil)), reason: authn.NotAdmitted},
		{name: "a token of a subject that begins like one on the list", shown: bearer(d.issuer.Token(doorAudience, doorSubject+"-2", nil)), reason: authn.NotAdmitted},
		{name: "a token without a subject", shown: token(map[string]any{"sub": nil}), reason: authn.Malformed},
		{name: "a token of another tenant", shown: bearer(d.issuer.Token(doorAudience, otherSubject, nil)), reason: "NOT_ALLOWED", known: true},
		{name: "a token of another type", shown: bearer(d.es.Sign(t, map[string]any{"typ": "logout+jwt"}, d.issuer.Claims(doorAudience, doorSubject))), reason: authn.Malformed},
		{name: "a token that is too long", shown: token(map[string]any{"pad": strings.Repeat("x", 17<<10)}), reason: authn.Malformed},
		{name: "a token in the older scheme", shown: shown{headers: []string{"X-Auth-Email: a@example.com", "X-Auth-Key: " + d.issuer.Token(doorAudience, doorSubject, nil)}}, reason: authn.Unknown},
	}
}

// forgeries returns tokens with valid claims and invalid signatures.
func (d *door) forgeries(t *testing.T) []stranger {
	t.Helper()
	good := d.issuer.Token(doorAudience, doorSubject, nil)
	parts := strings.Split(good, ".")
	claims := d.issuer.Claims(doorAudience, doorSubject)
	other := authntest.NewKey(t, jose.ES256)
	named := other
	named.ID = d.es.ID
	later := maps.Clone(claims)
	later["exp"] = time.Now().Add(24 * time.Hour).Unix()
	extended := strings.Split(other.Sign(t, nil, later), ".")
	brought := map[string]any{"kid": nil, "jwk": jose.JSONWebKey{Key: other.Private.Public(), Algorithm: "ES256", Use: "sig"}}
	return []stranger{
		{name: "a token without a signature", shown: bearer(authntest.Forge(t, map[string]any{"alg": "none", "typ": "JWT"}, claims, nil)), reason: authn.BadSignature},
		{name: "a token of algorithm none with the key's name", shown: bearer(d.es.Sign(t, map[string]any{"alg": "None"}, claims)), reason: authn.BadSignature},
		{name: "a token signed with the public key as the secret", shown: bearer(swapped(t, d.rs, claims)), reason: authn.BadSignature},
		{name: "a token under an unknown key name", shown: bearer(other.Sign(t, nil, claims)), reason: authn.BadSignature},
		{name: "a token of a key that is not the issuer's", shown: bearer(named.Sign(t, nil, claims)), reason: authn.BadSignature},
		{name: "a token that brings its key along", shown: bearer(other.Sign(t, brought, claims)), reason: authn.BadSignature},
		{name: "a token with other claims under a good signature", shown: bearer(parts[0] + "." + extended[1] + "." + parts[2]), reason: authn.BadSignature},
		{name: "a token that lacks its last bytes", shown: bearer(good[:len(good)-8]), reason: authn.BadSignature},
		{name: "a token that lacks its signature", shown: bearer(parts[0] + "." + parts[1]), reason: authn.Unknown},
	}
}

// swapped returns a token with the algorithm HS256, whose secret is the public
// key. A verifier that trusts the algorithm of the token accepts it.
func swapped(t *testing.T, key authntest.Key, claims map[string]any) string {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(key.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	return authntest.Forge(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": key.ID}, claims, func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	})
}

// badConnections are certificates, and no TLS at all.
func (d *door) badConnections(t *testing.T) []stranger {
	t.Helper()
	ours := []string{doorSPIFFE}
	good := certified(d.authority.Sign(authntest.Leaf{URIs: ours}))
	good.headers = []string{"Authorization: Bearer sk_bad-beside-a-good-certificate"}
	plain := bearer(doorKey)
	plain.plain = true
	return []stranger{
		{name: "a certificate of another authority", shown: certified(authntest.NewAuthority(t).Sign(authntest.Leaf{URIs: ours}))},
		{name: "an expired certificate", shown: certified(d.authority.Sign(authntest.Leaf{URIs: ours, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}))},
		{name: "a certificate that is not yet valid", shown: certified(d.authority.Sign(authntest.Leaf{URIs: ours, NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}))},
		{name: "a certificate for servers", shown: certified(d.authority.Sign(authntest.Leaf{URIs: ours, ServerOnly: true}))},
		{name: "a certificate whose name is on no list", shown: certified(d.authority.Sign(authntest.Leaf{URIs: []string{doorSPIFFE + "2"}})), reason: authn.NotAdmitted},
		{name: "a certificate with two SPIFFE ids", shown: certified(d.authority.Sign(authntest.Leaf{URIs: []string{doorSPIFFE, "spiffe://prod.example.com/ns/search/sa/api"}})), reason: authn.NotAdmitted},
		{name: "a certificate of an authority itself", shown: certified(d.authority.Sign(authntest.Leaf{URIs: ours, Authority: true})), reason: authn.NotAdmitted},
		{name: "an unknown key beside a good certificate", shown: good, reason: authn.Unknown},
		{name: "plain text to the TLS port", shown: plain},
	}
}

// badHeaders returns a valid credential together with an invalid header.
func (d *door) badHeaders() []stranger {
	authorized := func(lines ...string) shown { return shown{headers: lines} }
	certificate := d.authority.Sign(authntest.Leaf{URIs: []string{doorSPIFFE}})
	beside := func(lines ...string) shown { return shown{headers: lines, certificate: &certificate} }
	const good, email, key = "Authorization: Bearer " + doorKey, "X-Auth-Email: a@example.com", "X-Auth-Key: " + doorKey
	list := []stranger{
		{name: "an empty header beside a good certificate", shown: beside("Authorization: ")},
		{name: "an empty header and a bad one beside a good certificate", shown: beside("Authorization: ", "Authorization: Bearer nope")},
		{name: "an empty key of the older scheme beside a good certificate", shown: beside("X-Auth-Key: ")},
		{name: "an empty address of the older scheme beside a good certificate", shown: beside("X-Auth-Email: ")},
		{name: "a good header and a bad one", shown: authorized(good, "Authorization: Bearer nope")},
		{name: "a bad header and a good one", shown: authorized("Authorization: Bearer nope", good)},
		{name: "a good header twice", shown: authorized(good, good)},
		{name: "an empty header before a good one", shown: authorized("Authorization: ", good)},
		{name: "an empty header after a good one", shown: authorized(good, "Authorization: ")},
		{name: "an empty header before the older scheme", shown: authorized("Authorization: ", email, key)},
		{name: "an empty key of the older scheme behind a good header", shown: authorized(good, email, "X-Auth-Key: ")},
		{name: "two keys of the older scheme", shown: authorized(email, key, "X-Auth-Key: nope")},
		{name: "two addresses of the older scheme", shown: authorized(email, email, key)},
		{name: "an empty address of the older scheme", shown: authorized("X-Auth-Email: ", key)},
	}
	for i := range list {
		list[i].reason = authn.Malformed
	}
	return list
}
