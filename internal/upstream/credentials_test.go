package upstream_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

func TestGlobalKeyGoesInItsOwnHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, "the-key\n")
	client, w := serve(t, says(http.StatusOK, success(storeJSON)), func(c *upstream.Config) {
		useFiles(upstream.CredentialFiles{Email: "ops@example.test", APIKeyFile: file})(&c.Accounts[0])
	})
	if err := read(within(t), client); err != nil {
		t.Fatal(err)
	}
	h := w.seen()[0].header
	if h.Get("X-Auth-Email") != "ops@example.test" || h.Get("X-Auth-Key") != "the-key" || h.Get("Authorization") != "" {
		t.Errorf("headers = %v", h)
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	client, _ := serve(t, says(http.StatusOK, ""))
	for name, v := range map[string]any{
		"token":   upstream.NewToken(token),
		"value":   upstream.Value(value),
		"account": configFor("https://example.test").Accounts[0],
		"config":  configFor("https://example.test"),
		"secret":  upstream.NewSecret{Name: "A", Value: value},
		"update":  upstream.UpdateSecretParams{Value: new(upstream.Value(value))},
		"client":  client,
		"inside":  *client,
	} {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				if got := fmt.Sprintf(verb, v); strings.Contains(got, token) || strings.Contains(got, value) || strings.Contains(got, fmt.Sprintf("%x", value)) {
					t.Errorf("%s prints %s", verb, got)
				}
			}
			if text, err := json.Marshal(v); err == nil && (strings.Contains(string(text), token) || strings.Contains(string(text), value)) {
				t.Errorf("JSON is %s", text)
			}
		})
	}
	if got := fmt.Sprintf("%v %s %#v %q", upstream.NewToken(token), upstream.Value(value), upstream.Value(value), upstream.NewToken(token)); got != strings.TrimSpace(strings.Repeat("[redacted] ", 4)) {
		t.Errorf("prints %s", got)
	}
}
