// Package accesstest is an issuer of tokens and a certificate authority for
// tests, on real sockets and with keys of their own.
//
// It must not know how credentials are checked: it makes good and bad ones.
package accesstest

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// KeysPath is where an Issuer serves its keys, below its URL.
const KeysPath = "/keys"

// Issuer is an OpenID Connect provider on loopback that signs whatever it is
// asked to.
type Issuer struct {
	// URL is the issuer's identifier. It is http on a port of loopback.
	URL string

	tb      testing.TB
	mu      sync.Mutex
	keys    []Key
	fetches int
	instead http.HandlerFunc
}

// NewIssuer starts an issuer with one ES256 key, which ends with the test.
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

// ServeHTTP answers discovery and serves the keys, unless Instead says what is
// done instead.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	instead := i.instead
	if r.URL.Path == KeysPath {
		i.fetches++
	}
	i.mu.Unlock()
	switch {
	case instead != nil:
		instead(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		i.reply(w, map[string]string{"issuer": i.URL, "jwks_uri": i.URL + KeysPath})
	case r.URL.Path == KeysPath:
		_, _ = w.Write(i.KeySet())
	default:
		http.NotFound(w, r)
	}
}

// Instead makes the issuer answer in another way: not at all, slowly, wrongly.
// Nil heals it.
func (i *Issuer) Instead(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.instead = answer
}

// Fetches is how often the keys were asked for, whatever the answer was.
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

// KeySet is what the issuer serves, as JSON.
func (i *Issuer) KeySet() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.public())
	}
	text, err := json.Marshal(set)
	if err != nil {
		i.tb.Errorf("writing the key set: %v", err)
	}
	return text
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

func (i *Issuer) reply(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(document); err != nil {
		i.tb.Errorf("answering: %v", err)
	}
}
