package authn_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
)

// The case of Kubernetes: keys are served as application/jwk-set+json only, and
// the answer to a request that does not accept that is 406.
func TestKeysOfAnIssuerThatNegotiatesAreRead(t *testing.T) {
	i := authntest.NewIssuer(t)
	for _, elsewhere := range []string{"", i.URL + authntest.KeysPath} {
		c := trusting(i)
		c.JWKSURL = elsewhere
		a := start(t, authn.Config{Issuers: []authn.Issuer{c}})
		if got := answer(a, bearer(i.Token(audience, workload, nil))); got != "ci:"+workload {
			t.Errorf("keys at %q: %s", elsewhere, got)
		}
	}
}

// TestDocumentsOfRealIssuersAreRead: each document is valid by RFC 7517, 8259 and 9110, and real issuers
// serve it.
func TestDocumentsOfRealIssuersAreRead(t *testing.T) {
	i := authntest.NewIssuer(t)
	document := func(keys []byte, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == authntest.KeysPath {
			_, _ = w.Write(keys)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + authntest.KeysPath, "claims_supported": []string{"sub"}})
	}
	plain := func(keys []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { document(keys, w, r) }
	}
	typed := func(mediaType string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			document(i.KeySet(), w, r)
		}
	}
	for name, answers := range map[string]http.HandlerFunc{
		"a media type with parameters":           typed(`application/jwk-set+json; charset="UTF-8"; v=1`),
		"plain text as media type":               typed("text/plain"),
		"a byte order mark":                      plain(append([]byte("\xef\xbb\xbf"), i.KeySet()...)),
		"white space around":                     plain([]byte("\n \t" + string(i.KeySet()) + "\r\n\n")),
		"members that nobody knows":              plain(bytes.Replace(i.KeySet(), []byte(`{"keys"`), []byte(`{"next_update":1,"x":{"y":[]},"keys"`), 1)),
		"keys without an algorithm":              plain(rewritten(t, i, func(k map[string]any) { delete(k, "alg") })),
		"keys without a use":                     plain(rewritten(t, i, func(k map[string]any) { delete(k, "use") })),
		"keys with operations":                   plain(rewritten(t, i, func(k map[string]any) { delete(k, "use"); k["key_ops"] = []string{"verify"} })),
		"keys without a name":                    plain(rewritten(t, i, func(k map[string]any) { delete(k, "kid") })),
		"a certificate that cannot be read":      plain(rewritten(t, i, func(k map[string]any) { k["x5c"] = []string{"MIIC"} })),
		"thumbprints and a URL of a certificate": plain(rewritten(t, i, func(k map[string]any) { k["x5t"], k["x5t#S256"], k["x5u"] = "AA", "AA", "https://example.com" })),
		"compressed with gzip": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			document(i.KeySet(), plainly{w, packed}, r)
			_ = packed.Close()
		},
		"an entity tag and a cache": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Age", "3000")
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			document(i.KeySet(), w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			i.Instead(answers)
			c := newClock()
			a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}, Clock: c.Now})
			for range 2 { // an unknown key causes the second fetch
				if got := answer(a, bearer(long(i))); got != "ci:"+workload {
					t.Errorf("got %s", got)
				}
				c.advance(time.Minute)
				answer(a, bearer(authntest.NewKey(t, jose.EdDSA).Sign(t, nil, i.Claims(audience, workload))))
			}
		})
	}
}

// plainly writes the body of an answer through something else.
type plainly struct {
	http.ResponseWriter

	body *gzip.Writer
}

func (p plainly) Write(b []byte) (int, error) { return p.body.Write(b) }

// rewritten is the key set of an issuer with each key changed.
func rewritten(t *testing.T, i *authntest.Issuer, change func(map[string]any)) []byte {
	t.Helper()
	var set map[string][]map[string]any
	if err := json.Unmarshal(i.KeySet(), &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set["keys"] {
		change(k)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCompressedKeysAreBoundedAfterDecompression(t *testing.T) {
	// The text is compressed before the fetch, whose time is limited.
	var text bytes.Buffer
	packed := gzip.NewWriter(&text)
	_, _ = packed.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = packed.Close()
	i := authntest.NewIssuer(t)
	i.Instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(text.Bytes())
	})
	c := trusting(i)
	c.JWKSURL = i.URL + "/elsewhere"
	if s := check(t, c); s.Err == nil || !strings.Contains(s.Err.Error(), "at most 1048576 bytes") {
		t.Errorf("got %v", s.Err)
	}
}

// TestTokenWithoutAKeyNameIsHeldAgainstKeysOfItsType: a key of another type must not be tried instead of the
// right key.
func TestTokenWithoutAKeyNameIsHeldAgainstKeysOfItsType(t *testing.T) {
	i := authntest.NewIssuer(t)
	signs := i.Key()
	rsa := authntest.NewKey(t, jose.RS256)
	var keys []authntest.Key
	for range 20 {
		rsa.ID = authntest.NewKey(t, jose.EdDSA).ID
		keys = append(keys, rsa)
	}
	i.Publish(append(keys, signs, authntest.NewKey(t, jose.EdDSA))...)
	nameless := rewritten(t, i, func(k map[string]any) { delete(k, "alg") })
	i.Instead(says(200, string(nameless)))
	c := trusting(i)
	c.JWKSURL = i.URL + "/elsewhere"
	a := start(t, authn.Config{Issuers: []authn.Issuer{c}})
	if got := answer(a, bearer(signs.Sign(t, map[string]any{"kid": nil}, i.Claims(audience, workload)))); got != "ci:"+workload {
		t.Errorf("got %s", got)
	}
}

// TestKeysThatOverlapWhileTheyChangeAreAllGood: issuers publish the next key before they use it, and keep the
// last key until its tokens have expired.
func TestKeysThatOverlapWhileTheyChangeAreAllGood(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	old, next := i.Key(), authntest.NewKey(t, jose.RS256)
	fromOld := long(i)
	i.Publish(next, old)
	c.advance(10 * time.Second)
	for name, token := range map[string]string{"the new key": long(i), "the old key": fromOld} {
		if got := answer(a, bearer(token)); got != "ci:"+workload {
			t.Errorf("%s: %s", name, got)
		}
	}
	// Two keys have the same id, like those of two clusters behind one issuer.
	twin := authntest.NewKey(t, jose.ES256)
	twin.ID = old.ID
	i.Publish(old, twin)
	c.advance(10 * time.Second)
	answer(a, bearer(authntest.NewKey(t, jose.EdDSA).Sign(t, nil, i.Claims(audience, workload))))
	for name, key := range map[string]authntest.Key{"the first of a name": old, "the second of a name": twin} {
		if got := answer(a, bearer(key.Sign(t, nil, i.Claims(audience, workload)))); got != "ci:"+workload {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A key without a name serves tokens of any name, so a bad signature says
// nothing of whether a newer key is there.
func TestNewKeyIsFoundBesideOneWithoutAName(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	set := rewritten(t, i, func(k map[string]any) { delete(k, "kid") })
	i.Instead(says(200, string(set)))
	given := trusting(i)
	given.JWKSURL = i.URL + authntest.KeysPath
	a := start(t, authn.Config{Issuers: []authn.Issuer{given}, Clock: c.Now})
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Fatalf("a key without a name: %s", got)
	}
	i.Instead(nil)
	i.Publish(authntest.NewKey(t, jose.ES256))
	c.advance(10 * time.Second)
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("the new key: %s", got)
	}
}

func TestIssuerWhoseURLEndsInASlashIsDiscovered(t *testing.T) {
	i := authntest.NewIssuer(t)
	i.Instead(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/tenant/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL + "/tenant/", "jwks_uri": i.URL + "/tenant" + authntest.KeysPath})
		case "/tenant" + authntest.KeysPath:
			_, _ = w.Write(i.KeySet())
		default:
			http.NotFound(w, r)
		}
	})
	c := trusting(i)
	c.URL = i.URL + "/tenant/"
	a := start(t, authn.Config{Issuers: []authn.Issuer{c}})
	if got := answer(a, bearer(i.Token(audience, workload, map[string]any{"iss": c.URL}))); got != "ci:"+workload {
		t.Errorf("got %s", got)
	}
	c.URL = i.URL + "/tenant"
	if s := check(t, c); s.Err == nil || !strings.Contains(s.Err.Error(), i.URL+`/tenant/`) || authn.FixOf(s.Err) == "" {
		t.Errorf("without the slash: %v", s.Err)
	}
}

func TestClockOfAnIssuerAndEndOfItsCertificateAreTold(t *testing.T) {
	authority := authntest.NewAuthority(t)
	i := authntest.NewTLSIssuer(t, authority)
	c := trusting(i)
	c.CAFile = written(t, authority.PEM)
	s := check(t, c)
	if s.Err != nil || !s.ClockKnown || s.ClockAhead.Abs() > time.Minute || s.CertificateEnds.IsZero() || s.CertificateEnds.After(time.Now().Add(2*time.Hour)) {
		t.Errorf("got %+v", s)
	}
	i.Instead(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		i.Instead(nil)
		i.ServeHTTP(w, r)
	})
	c.JWKSURL = i.URL + authntest.KeysPath
	if s := check(t, c); s.Err != nil || s.ClockAhead > -59*time.Minute {
		t.Errorf("an hour behind: %+v", s)
	}
}

// written is a file with a content.
func written(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestIssuersAreToldAsTheyStand(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	if s := a.Issuers(); len(s) != 1 || s[0].Name != "ci" || s[0].Keys != 1 || s[0].Err != nil || !s[0].KeysRead.Equal(c.Now()) || a.Idle() {
		t.Errorf("got %+v", s)
	}
	i.Instead(down)
	c.advance(25 * time.Hour)
	if got := answer(a, bearer(long(i))); got != authn.IssuerUnavailable {
		t.Errorf("got %s", got)
	}
	if s := a.Issuers(); s[0].Keys != 0 || s[0].Err == nil || authn.FixOf(s[0].Err) == "" || !a.Idle() {
		t.Errorf("got %+v", s)
	}
	_, err := a.Authenticate(t.Context(), bearer(long(i)))
	if f := fault.From(err); f.Kind != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestWhoHasAKeyIsNotIdleWhileAnIssuerIsDown(t *testing.T) {
	i := authntest.NewIssuer(t)
	i.Instead(down)
	config := authn.Config{Issuers: []authn.Issuer{trusting(i)}, APIKeys: []authn.APIKey{{Principal: authn.Principal{Name: "a"}}}}
	if a := start(t, config); a.Idle() {
		t.Error("a caller with a key counts for nothing")
	}
}
