package authn_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
)

// firstEvent starts an Authenticator and returns how the first fetch went.
func firstEvent(t *testing.T, i authn.Issuer) authn.KeyEvent {
	t.Helper()
	events := make(chan authn.KeyEvent, 1)
	start(t, authn.Config{Issuers: []authn.Issuer{i}, OnKeys: func(e authn.KeyEvent) {
		select {
		case events <- e:
		default:
		}
	}})
	return <-events
}

func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

func TestAnswersThatGiveNoKeys(t *testing.T) {
	i := authntest.NewIssuer(t)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"an error":           {says(500, "no"), "answered with status 500"},
		"a page":             {says(200, "<html>"), "not one"},
		"nothing":            {says(200, ""), "not one"},
		"no keys":            {says(200, `{}`), "has no public"},
		"keys of no form":    {says(200, `{"keys":[1,"x",null,{}]}`), "has no public"},
		"keys without end":   {says(200, `{"keys":[`+strings.Repeat("{},", 100)+`{}]}`), "at most 100 keys"},
		"nested without end": {says(200, strings.Repeat("[", 1<<19)), "not one"},
		"more than a MiB":    {says(200, `{"keys":[],"x":"`+strings.Repeat("x", 1<<20)+`"}`), "at most 1048576 bytes"},
		"another place":      {http.RedirectHandler("https://example.com/", http.StatusFound).ServeHTTP, "answered with status 302"},
		"a cut":              {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"a symmetric key":    {says(200, `{"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}]}`), "has no public"},
		"a private key":      {says(200, set(t, private(t))), "has no public"},
		"a key to encrypt":   {says(200, strings.ReplaceAll(string(i.KeySet()), `"sig"`, `"enc"`)), "has no public"},
		"a short RSA key":    {says(200, set(t, short(t))), "has no public"},
	} {
		t.Run(name, func(t *testing.T) {
			i.Instead(test.answer)
			c := trusting(i)
			c.JWKSURL = i.URL + "/elsewhere"
			e := firstEvent(t, c)
			if e.Issuer != "ci" || e.Keys != 0 || e.Err == nil || !strings.Contains(e.Err.Error(), test.want) {
				t.Errorf("got %+v, want %q", e, test.want)
			}
		})
	}
}

func set(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func private(t *testing.T) jose.JSONWebKey {
	t.Helper()
	return jose.JSONWebKey{Key: authntest.NewKey(t, jose.ES256).Private, KeyID: "a"}
}

func short(t *testing.T) jose.JSONWebKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key.Public(), KeyID: "a"}
}

// TestKeysOfOtherKindsAreLeftOut: an unsupported key must not disable the other keys.
func TestKeysOfOtherKindsAreLeftOut(t *testing.T) {
	i := authntest.NewIssuer(t)
	mixed := bytes.Replace(i.KeySet(), []byte(`[`), []byte(`[{"kty":"OKP","crv":"Ed448","x":"AA","kid":"b"},{"kty":"new"},{"kty":"oct","k":"c2VjcmV0"},`), 1)
	i.Instead(says(200, string(mixed)))
	c := trusting(i)
	c.JWKSURL = i.URL + "/elsewhere?a=b"
	if e := firstEvent(t, c); e.Err != nil || e.Keys != 1 {
		t.Errorf("got %+v", e)
	}
}

func TestDiscoveryIsHeldAgainstTheIssuer(t *testing.T) {
	i := authntest.NewIssuer(t)
	for name, test := range map[string]struct{ document, want string }{
		"another issuer":      {`{"issuer":"https://example.com","jwks_uri":"URL/keys"}`, "is of another issuer"},
		"no issuer":           {`{"jwks_uri":"URL/keys"}`, "is of another issuer"},
		"the issuer twice":    {`{"issuer":"x","issuer":"URL","jwks_uri":"URL/keys"}`, "is not JSON"},
		"no keys":             {`{"issuer":"URL"}`, "must be a URL"},
		"keys in plain text":  {`{"issuer":"URL","jwks_uri":"http://example.com/keys"}`, "must start with https://"},
		"keys in a file":      {`{"issuer":"URL","jwks_uri":"file:///etc/passwd"}`, "must be a URL"},
		"keys of no form":     {`{"issuer":"URL","jwks_uri":["URL/keys"]}`, "is not JSON"},
		"nobody who listens":  {`{"issuer":"URL","jwks_uri":"http://127.0.0.1:1/keys"}`, "refused"},
		"keys that are right": {`{"issuer":"URL","jwks_uri":"URL/keys"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i.Instead(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == authntest.KeysPath {
					_, _ = w.Write(i.KeySet())
					return
				}
				_, _ = fmt.Fprint(w, strings.ReplaceAll(test.document, "URL", i.URL))
			})
			e := firstEvent(t, trusting(i))
			if test.want == "" && e.Err != nil || test.want != "" && (e.Err == nil || !strings.Contains(e.Err.Error(), test.want)) {
				t.Errorf("got %v, want %q", e.Err, test.want)
			}
		})
	}
}

func TestPrivateIssuerNeedsItsAuthority(t *testing.T) {
	authority := authntest.NewAuthority(t)
	i := authntest.NewTLSIssuer(t, authority)
	c := trusting(i)
	if e := firstEvent(t, c); e.Err == nil || !strings.Contains(e.Err.Error(), "unknown authority") {
		t.Errorf("without the authority: %+v", e)
	}
	c.CAFile = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(c.CAFile, authority.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	a := start(t, authn.Config{Issuers: []authn.Issuer{c}})
	if got := answer(a, bearer(i.Token(audience, workload, nil))); got != "ci:"+workload {
		t.Errorf("with the authority: %s", got)
	}
}
