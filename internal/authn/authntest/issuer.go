// Package authntest provides an issuer of tokens and a certificate authority for tests, on real sockets and
// with generated keys.
//
// The package must not know how credentials are checked: it makes valid and invalid credentials.
package authntest

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// KeysPath is where an Issuer serves its keys, below its URL.
const KeysPath = "/keys"

// Issuer is an OpenID Connect provider on loopback that signs any claims. It is as strict as the strictest
// real issuer, the Kubernetes API server: it serves its keys as application/jwk-set+json only and answers 406
// to a request that does not accept that type. Its key set has more than 10 KiB, with keys of other kinds and
// uses among the usable keys.
type Issuer struct {
	// URL is the identifier of the issuer: http and a port on loopback.
	URL string

	tb      testing.TB
	mu      sync.Mutex
	keys    []Key
	fetches int
	token   string
	keysAt  string
	instead http.HandlerFunc
}

// NewIssuer starts an issuer with one ES256 key. The issuer stops at the end of the test.
func NewIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb, keys: []Key{NewKey(tb, jose.ES256)}}
	s := httptest.NewServer(i)
	tb.Cleanup(s.Close)
	i.URL = s.URL
	return i
}

// NewTLSIssuer is NewIssuer over https, with a certificate of the authority.
func NewTLSIssuer(tb testing.TB, a *Authority) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb, keys: []Key{NewKey(tb, jose.ES256)}}
	s := httptest.NewUnstartedServer(i)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.Sign(Leaf{})}, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are expected
	s.StartTLS()
	tb.Cleanup(s.Close)
	i.URL = s.URL
	return i
}

// ServeHTTP serves discovery and the keys, unless Instead replaced the handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	instead, token := i.instead, i.token
	if r.URL.Path == KeysPath {
		i.fetches++
	}
	i.mu.Unlock()
	shown, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case instead != nil:
		instead(w, r)
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case token != "" && !bearer:
		w.WriteHeader(http.StatusForbidden) // the answer to system:anonymous
	case token != "" && shown != token:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/.well-known/openid-configuration":
		serve(w, r, "application/json", i.discovery())
	case r.URL.Path == KeysPath:
		serve(w, r, "application/jwk-set+json", i.published())
	default:
		http.NotFound(w, r)
	}
}

// serve answers with a document to a client that accepts its media type.
func serve(w http.ResponseWriter, r *http.Request, mediaType string, document []byte) {
	if !accepts(r, mediaType) {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	if mediaType == "application/json" {
		mediaType += "; charset=utf-8"
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(document) // a client that went away is no fault of the test
}

// accepts reports whether a request accepts a media type. A request without the header accepts any type (RFC
// 9110, section 12.5.1).
func accepts(r *http.Request, mediaType string) bool {
	ranges := strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",")
	for one := range ranges {
		name, _, _ := strings.Cut(one, ";")
		switch strings.TrimSpace(name) {
		case mediaType, "*/*", "application/*":
			return true
		}
	}
	return len(r.Header.Values("Accept")) == 0
}

// NeedToken makes the issuer refuse requests without this bearer token, as the
// Kubernetes API server does: 403 without any, 401 with another.
func (i *Issuer) NeedToken(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.token = token
}

// Instead replaces the handler of the issuer, to fail, delay or corrupt answers. Nil restores the handler.
func (i *Issuer) Instead(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.instead = answer
}

// Fetches returns the number of requests for the keys, with any answer.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Publish makes these the only keys of the issuer. The first signs.
func (i *Issuer) Publish(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Key is the key that signs.
func (i *Issuer) Key() Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0]
}

// KeySet returns the signing keys as JSON. The published key set has more keys.
func (i *Issuer) KeySet() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.public())
	}
	return i.write(set)
}

// published returns KeySet in the form of a real issuer: with certificates, and among keys for other
// purposes.
func (i *Issuer) published() []byte {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(i.KeySet(), &set); err != nil {
		i.tb.Errorf("reading the key set: %v", err)
	}
	modulus := strings.Repeat("vX9-", 128)
	others := []string{
		`{"kty":"RSA","use":"enc","alg":"RSA-OAEP","kid":"encrypts","e":"AQAB","n":"` + modulus + `","x5c":["` + strings.Repeat("MIIC", 2000) + `"]}`,
		`{"kty":"OKP","crv":"X25519","kid":"agrees","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`,
		`{"kty":"OKP","crv":"Ed448","kid":"unknown-curve","x":"AA"}`,
		`{"kty":"EC","crv":"secp256k1","kid":"another-curve","x":"AA","y":"AA"}`,
		`{"kty":"AKP","alg":"ML-DSA-44","kid":"another-kind","pub":"` + strings.Repeat("A", 1750) + `"}`,
	}
	for n, key := range others {
		if n%2 == 0 {
			set.Keys = append([]json.RawMessage{json.RawMessage(key)}, set.Keys...)
		} else {
			set.Keys = append(set.Keys, json.RawMessage(key))
		}
	}
	return i.write(set)
}

// NameKeysAt makes discovery name another URL for the keys, like the Kubernetes API server, which names an
// internal address. The issuer still serves the keys at KeysPath.
func (i *Issuer) NameKeysAt(url string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keysAt = url
}

func (i *Issuer) discovery() []byte {
	i.mu.Lock()
	keysAt := cmp.Or(i.keysAt, i.URL+KeysPath)
	i.mu.Unlock()
	return i.write(map[string]any{
		"issuer": i.URL, "jwks_uri": keysAt, "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
	})
}

// Claims are good claims of a token for the audience and subject: valid since a
// minute, for an hour.
func (i *Issuer) Claims(audience, subject string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": i.URL, "aud": audience, "sub": subject,
		"iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Token signs Claims, with the changes made to them: a nil value removes a
// claim.
func (i *Issuer) Token(audience, subject string, changes map[string]any) string {
	i.tb.Helper()
	claims := i.Claims(audience, subject)
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return i.Key().Sign(i.tb, nil, claims)
}

func (i *Issuer) write(document any) []byte {
	text, err := json.Marshal(document)
	if err != nil {
		i.tb.Errorf("writing a document: %v", err)
	}
	return text
}
