package upstream_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

const verified = `{"result":{"id":"tok","status":"active","expires_on":"2030-01-01T00:00:00Z"},"success":true,"messages":[{"message":"This API Token is valid and active"}]}`

func TestVerifyTokenTellsTheKinds(t *testing.T) {
	invalid := failure(`{"code":1000,"message":"Invalid API Token"}`)
	tests := map[string]struct {
		user, account http.HandlerFunc
		kind, reason  string
		sent          int
	}{
		"a user token":                  {says(200, verified), nil, upstream.KindUserToken, "", 1},
		"an account token, by 401":      {says(401, invalid), says(200, verified), upstream.KindAccountToken, "", 2},
		"an account token, by 400":      {says(400, invalid), says(200, verified), upstream.KindAccountToken, "", 2},
		"an account token, by 403":      {says(403, invalid), says(200, verified), upstream.KindAccountToken, "", 2},
		"a token that is no good":       {says(401, invalid), says(400, invalid), "", "UPSTREAM_CREDENTIAL_REFUSED", 2},
		"trouble says nothing of it":    {says(503, ""), nil, "", "UPSTREAM_UNAVAILABLE", 1},
		"an answer that says no status": {says(200, success(`{}`)), says(200, success(`{}`)), "", "UPSTREAM_ANSWER_UNREADABLE", 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, w := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/client/v4/user/tokens/verify":
					tt.user(w, r)
				case "/client/v4/accounts/" + accountID + "/tokens/verify":
					tt.account(w, r)
				default:
					t.Errorf("call to %s", r.URL.Path)
				}
			})
			got, err := client.VerifyToken(within(t), "main")
			if n := len(w.seen()); n != tt.sent {
				t.Errorf("sent %d requests, want %d", n, tt.sent)
			}
			if tt.reason != "" {
				if f := asFault(t, err); f.Reason != tt.reason {
					t.Errorf("fault = %v, want %s", f, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v := got.Result; v.Kind != tt.kind || v.Status != "active" || v.ID != "tok" || v.ExpiresOn == nil || v.NotBefore != nil {
				t.Errorf("result = %+v, want kind %q", v, tt.kind)
			}
			if len(got.Notices) != 1 || got.Notices[0].Code != nil {
				t.Errorf("notices = %+v", got.Notices)
			}
		})
	}
}

// There is no address that verifies a global key, so the account itself is
// asked.
func TestVerifyTokenTriesAGlobalKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, "the-key")
	status := http.StatusOK
	client, w := serve(t, func(w http.ResponseWriter, r *http.Request) {
		says(status, success(`{"secrets":{"quota":100,"usage":1}}`))(w, r)
	}, func(c *upstream.Config) {
		useFiles(upstream.CredentialFiles{Email: "ops@example.test", APIKeyFile: file})(&c.Accounts[0])
	})
	got, err := client.VerifyToken(within(t), "main")
	if err != nil || got.Result.Kind != upstream.KindGlobalKey || got.Result.Status != "active" {
		t.Errorf("got %+v, %v", got.Result, err)
	}
	if target := w.seen()[0].target; !strings.HasSuffix(target, "/quota") {
		t.Errorf("asked %s", target)
	}
	status = http.StatusForbidden
	if _, err = client.VerifyToken(within(t), "main"); fault.From(err).Reason != "UPSTREAM_CREDENTIAL_REFUSED" {
		t.Errorf("err = %v", err)
	}
}

func TestVerifyTokenOfAnUnknownAccount(t *testing.T) {
	client, _ := serve(t, says(200, verified))
	if _, err := client.VerifyToken(within(t), "x"); fault.From(err).Kind != fault.Denied {
		t.Errorf("err = %v", err)
	}
}
