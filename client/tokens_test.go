package client_test

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/client"
	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

func TestTheTokenOfAFileIsSent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &failing{}
	c := serve(t, f, client.WithTokens(client.FileToken(file)))
	if _, err := c.SecretsStore().ListStores(t.Context(), &secretsstorev1.ListStoresRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := f.seen[0].Get("authorization"); len(got) != 1 || got[0] != "Bearer first" {
		t.Errorf("sent %q", got)
	}
}

func TestATokenThatCannotBeReadNamesItsFile(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + "-missing"} {
		f := &failing{}
		c := serve(t, f, client.WithTokens(client.FileToken(file)))
		_, err := c.SecretsStore().ListStores(t.Context(), &secretsstorev1.ListStoresRequest{})
		if err == nil || !strings.Contains(err.Error(), file) || len(f.seen) > 0 {
			t.Errorf("%v after %d calls", err, len(f.seen))
		}
	}
}

// jwt is a token that ends at a time. Its signature is none.
func jwt(expires time.Time) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"exp":%d}`, expires.Unix())) + ".x"
}

func TestGitHubGivesATokenForTheAudience(t *testing.T) {
	asked, life := 0, time.Hour
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "Bearer of-the-job" || r.FormValue("audience") != "storekeeper & co" || r.FormValue("api-version") != "2.0" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `{"count":1,"value":%q}`, jwt(time.Now().Add(life)))
	}))
	t.Cleanup(github.Close)
	source := client.GitHubActions("storekeeper & co")
	if _, err := source.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "id-token: write") {
		t.Errorf("outside a job: %v", err)
	}
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", github.URL+"/token?api-version=2.0")
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "wrong")
	if _, err := source.Token(t.Context()); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a refused job: %v", err)
	}
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
	asked, life = 0, 30*time.Second
	for range 2 { // Each is about to end, so it is replaced.
		if _, err := source.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	life = time.Hour
	first, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := source.Token(t.Context()); err != nil || again != first || asked != 3 {
		t.Errorf("GitHub was asked %d times, %v", asked, err)
	}
}

func TestNoTokenIsSentWithoutTLS(t *testing.T) {
	t.Parallel()
	c, err := client.Dial("127.0.0.1:1", client.WithTokens(client.StaticToken("canary")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if s := fmt.Sprintf("%v %+v %#v", client.StaticToken("canary"), client.StaticToken("canary"), client.StaticToken("canary")); strings.Contains(s, "canary") {
		t.Errorf("a token prints as %s", s)
	}
	if _, err := client.Dial("x", client.WithPlaintext(), client.WithTLS(&tls.Config{MinVersion: tls.VersionTLS13})); err == nil {
		t.Error("plaintext with TLS is taken")
	}
}
