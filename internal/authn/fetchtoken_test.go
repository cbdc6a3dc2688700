package authn_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
)

const issuerToken = "eyJhbGciOiJSUzI1NiJ9.t0k3n-for-the-issuer.c2ln"

// tokenFile writes a file with a token as a kubelet does, by a rename.
func tokenFile(t *testing.T, folder, token string) string {
	t.Helper()
	file := filepath.Join(folder, "token")
	if err := os.WriteFile(file+".new", []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	return file
}

func check(t *testing.T, i authn.Issuer) authn.IssuerState {
	t.Helper()
	return authn.CheckIssuer(t.Context(), i)
}

// The Kubernetes API server answers 403 to system:anonymous.
func TestIssuerThatNeedsATokenGetsIt(t *testing.T) {
	authority := authntest.NewAuthority(t)
	folder := t.TempDir()
	ca := filepath.Join(folder, "ca.crt")
	if err := os.WriteFile(ca, authority.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	i := authntest.NewTLSIssuer(t, authority)
	i.NeedToken(issuerToken)
	c := trusting(i)
	c.CAFile = ca
	if s := check(t, c); s.Err == nil || !strings.Contains(s.Err.Error(), "answered with status 403") || !strings.Contains(authn.FixOf(s.Err), "set token_file") {
		t.Errorf("without a token: %+v, fix %q", s, authn.FixOf(s.Err))
	}
	c.TokenFile = tokenFile(t, folder, issuerToken+"\n")
	a := start(t, authn.Config{Issuers: []authn.Issuer{c}})
	if got := answer(a, bearer(i.Token(audience, workload, nil))); got != "ci:"+workload {
		t.Errorf("with the token: %s", got)
	}
	tokenFile(t, folder, "ended")
	if s := check(t, c); s.Err == nil || !strings.Contains(s.Err.Error(), "status 401") || !strings.Contains(authn.FixOf(s.Err), "renew the token") {
		t.Errorf("with another token: %+v, fix %q", s, authn.FixOf(s.Err))
	}
}

func TestTokenOfTheIssuerIsReadAtEachFetch(t *testing.T) {
	folder := t.TempDir()
	i, c := authntest.NewIssuer(t), newClock()
	i.NeedToken("one")
	given := trusting(i)
	given.TokenFile = tokenFile(t, folder, "one")
	a := start(t, authn.Config{Issuers: []authn.Issuer{given}, Clock: c.Now})
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Fatalf("the first token: %s", got)
	}
	i.NeedToken("two")
	tokenFile(t, folder, "two")
	i.Publish(authntest.NewKey(t, i.Key().Algorithm))
	c.advance(10 * time.Second)
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("the second token: %s", got)
	}
}

func TestTokenFileThatHoldsNoTokenIsRefused(t *testing.T) {
	i := authntest.NewIssuer(t)
	c := trusting(i)
	folder := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "blank": " \n", "two lines": "first-secret\nsecond-secret", "a header": "Bearer first-secret", "control characters": "first-secret\x00",
		"too long": strings.Repeat("first-secret", 2000),
	} {
		c.TokenFile = tokenFile(t, folder, text)
		s := check(t, c)
		if s.Err == nil || !strings.Contains(s.Err.Error(), "must hold one token") || authn.FixOf(s.Err) == "" || strings.Contains(s.Err.Error(), "secret") {
			t.Errorf("%s: got %v", name, s.Err)
		}
	}
	c.TokenFile = filepath.Join(folder, "absent")
	if s := check(t, c); s.Err == nil || !strings.Contains(s.Err.Error(), "no such file") || authn.FixOf(s.Err) == "" {
		t.Errorf("absent: got %v", s.Err)
	}
}

// spy is another host of an issuer. It records the received tokens.
type spy struct {
	*httptest.Server

	mu    sync.Mutex
	heard []string
}

func newSpy(t *testing.T, keys []byte) *spy {
	t.Helper()
	s := &spy{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.heard = append(s.heard, r.Header.Get("Authorization"))
		s.mu.Unlock()
		_, _ = w.Write(keys)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *spy) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// TestTokenGoesToTheOriginOfTheIssuerOnly: by default Kubernetes names its own address in jwks_uri.
func TestTokenGoesToTheOriginOfTheIssuerOnly(t *testing.T) {
	i := authntest.NewIssuer(t)
	other := newSpy(t, i.KeySet())
	given := trusting(i)
	given.TokenFile = tokenFile(t, t.TempDir(), issuerToken)
	i.Instead(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+issuerToken {
			t.Error("the issuer itself gets no token")
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": other.URL + "/openid/v1/jwks"})
	})
	if s := check(t, given); s.Err != nil || s.Keys != 1 || s.KeysURL != other.URL+"/openid/v1/jwks" {
		t.Errorf("got %+v", s)
	}
	if heard := other.asked(); len(heard) != 1 || heard[0] != "" {
		t.Errorf("the other host heard %q", heard)
	}
}

// TestKeysNamedAtAnInternalAddressAreReadFromTheIssuerItself uses 192.0.2.0/24, which is for documentation
// (RFC 5737): no host answers there.
func TestKeysNamedAtAnInternalAddressAreReadFromTheIssuerItself(t *testing.T) {
	i := authntest.NewIssuer(t)
	i.NeedToken(issuerToken)
	i.NameKeysAt("https://192.0.2.2:6443" + authntest.KeysPath)
	given := trusting(i)
	given.TokenFile = tokenFile(t, t.TempDir(), issuerToken)
	if s := check(t, given); s.Err != nil || s.KeysURL != i.URL+authntest.KeysPath {
		t.Errorf("got %+v", s)
	}
}

func TestKeysOfAnIssuerWithAPathAreNotReadFromItsNeighbour(t *testing.T) {
	i, neighbour := authntest.NewIssuer(t), authntest.NewIssuer(t)
	keys := newSpy(t, i.KeySet())
	i.Instead(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_, _ = w.Write(neighbour.KeySet())
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL + "/tenant", "jwks_uri": keys.URL + "/keys"})
	})
	given := trusting(i)
	given.URL, given.TokenFile = i.URL+"/tenant", tokenFile(t, t.TempDir(), issuerToken)
	if s := check(t, given); s.Err != nil || s.KeysURL != keys.URL+"/keys" {
		t.Errorf("got %+v", s)
	}
}

func TestKeysAtAnotherOriginThatNeedATokenHaveAFix(t *testing.T) {
	i, other := authntest.NewIssuer(t), authntest.NewIssuer(t)
	other.NeedToken(issuerToken)
	given := trusting(i)
	given.TokenFile = tokenFile(t, t.TempDir(), issuerToken)
	i.Instead(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": other.URL + authntest.KeysPath})
	})
	if s := check(t, given); s.Err == nil || !strings.Contains(s.Err.Error(), "status 403") || !strings.Contains(authn.FixOf(s.Err), "set jwks_url") {
		t.Errorf("got %v, fix %q", s.Err, authn.FixOf(s.Err))
	}
}

func TestTokenFollowsNoRedirectToAnotherOrigin(t *testing.T) {
	i := authntest.NewIssuer(t)
	other := newSpy(t, i.KeySet())
	given := trusting(i)
	given.TokenFile, given.JWKSURL = tokenFile(t, t.TempDir(), issuerToken), i.URL+"/moved"
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		i.Instead(http.RedirectHandler(other.URL+"/keys", status).ServeHTTP)
		if s := check(t, given); s.Err == nil || !strings.Contains(s.Err.Error(), "answered with status 30") || authn.FixOf(s.Err) == "" {
			t.Errorf("status %d: got %+v", status, s)
		}
	}
	// Another port of the same host is another origin.
	if heard := other.asked(); len(heard) != 0 {
		t.Errorf("the other origin was asked %d times", len(heard))
	}
}

func TestRedirectWithinTheOriginIsFollowed(t *testing.T) {
	i := authntest.NewIssuer(t)
	i.NeedToken(issuerToken)
	front := i.URL
	mux := http.NewServeMux()
	mux.Handle("/moved", http.RedirectHandler(authntest.KeysPath, http.StatusPermanentRedirect))
	mux.Handle("/for-ever", http.RedirectHandler("/for-ever", http.StatusFound))
	mux.HandleFunc(authntest.KeysPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+issuerToken {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(i.KeySet())
	})
	i.Instead(mux.ServeHTTP)
	given := trusting(i)
	given.TokenFile, given.JWKSURL = tokenFile(t, t.TempDir(), issuerToken), front+"/moved"
	if s := check(t, given); s.Err != nil || s.Keys != 1 {
		t.Errorf("got %+v", s)
	}
	given.JWKSURL = front + "/for-ever"
	if s := check(t, given); s.Err == nil || !strings.Contains(s.Err.Error(), "answered with status 302") {
		t.Errorf("a redirect without end: %+v", s)
	}
}
