package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/emulator"
)

func TestFact13AFailureIsNeverASuccess(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{askEachTime}})
	for body, status := range map[string]int{
		"": http.StatusBadGateway,
		`{"success":false,"errors":[{"code":1001,"message":"secret_not_found"}],"messages":[],"result":null}`: http.StatusNotFound,
		`{"success":false,"errors":[{"code":1003,"message":"maximum_stores_exceeded"}]}`:                      http.StatusBadRequest,
		`{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}`:                        http.StatusBadGateway,
		`{"success":false,"errors":[]}`: http.StatusBadGateway,
		`{"success":false}`:             http.StatusBadGateway,
		`{}`:                            http.StatusBadGateway,
		`[]`:                            http.StatusBadGateway,
	} {
		w := p.given("secret")
		p.inject(emulator.Fault{Kind: emulator.KindSuccessFalse, Body: body})
		if got := p.do("GET", "stores/"+w.store+"/secrets/"+w.secret, ""); got.status != status {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestFact14Only404IsAMissingObject(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{askEachTime}})
	w := p.given("secret")
	secrets := "stores/" + w.store + "/secrets/"
	for _, tc := range []struct {
		name, path string
		fault      emulator.Fault
		status     int
	}{
		{"a secret that is there", secrets + w.secret, emulator.Fault{}, http.StatusOK},
		{"a secret that is not there", secrets + noSuchID, emulator.Fault{}, http.StatusNotFound},
		{"an account that is not served", "/client/v4/accounts/" + noSuchID + "/secrets_store/" + secrets + w.secret, emulator.Fault{}, http.StatusForbidden},
		{"an account that is none", "/client/v4/accounts/no.such/secrets_store/" + secrets + w.secret, emulator.Fault{}, http.StatusForbidden},
		{"a base without its prefix", "/accounts/" + accountID + "/secrets_store/" + secrets + w.secret, emulator.Fault{}, http.StatusBadRequest},
		{"a route that Cloudflare does not know", secrets + w.secret,
			emulator.Fault{Kind: emulator.KindStatus, Status: http.StatusNotFound, Body: `{"success":false,"errors":[{"code":7000,"message":"No route for that URI"}]}`}, http.StatusBadGateway},
		{"a 404 of something before Cloudflare", secrets + w.secret,
			emulator.Fault{Kind: emulator.KindStatus, Status: http.StatusNotFound, ContentType: "text/html"}, http.StatusBadGateway},
		{"an account that our credential may not use", secrets + w.secret,
			emulator.Fault{Kind: emulator.KindStatus, Status: http.StatusForbidden}, http.StatusBadGateway},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := p.in(t)
			p.cf.ClearFaults()
			if tc.fault.Kind != "" {
				p.inject(tc.fault)
			}
			if got := p.do("GET", tc.path, ""); got.status != tc.status {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

func TestFact15SDKsAreToldWhetherToComeBack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, path, body string
		fault                    emulator.Fault
		status                   int
		shouldRetry, after       string
	}{
		{"a store that is not empty", "DELETE", "stores/$store", "", emulator.Fault{}, 409, "false", ""},
		{"a name that is taken", "POST", "stores/$store/secrets", `[{"name":"taken","value":"v","scopes":["dex"]}]`, emulator.Fault{}, 400, "", ""},
		{"a conflict that nobody knows", "GET", "stores/$store", "", emulator.Fault{Kind: emulator.KindStatus, Status: 409}, 502, "false", ""},
		{"a timeout that Cloudflare reports", "GET", "stores/$store", "", emulator.Fault{Kind: emulator.KindStatus, Status: 408}, 503, "", "1"},
		{"a budget that is spent", "GET", "stores", "", emulator.Fault{Kind: emulator.KindRateLimit, RetryAfter: 90 * time.Second}, 429, "", "90"},
		{"a wait that is too long to believe", "GET", "stores", "", emulator.Fault{Kind: emulator.KindRateLimit, RetryAfter: 500 * time.Hour}, 429, "", "3600"},
		{"a read that failed", "GET", "stores", "", emulator.Fault{Kind: emulator.KindStatus, Status: 503}, 503, "", "1"},
		// A repeat finds out, and changes nothing twice.
		{"a change that may have been made", "DELETE", "stores/$store?force=true", "", emulator.Fault{Kind: emulator.KindStatus, Status: 503, Method: "DELETE"}, 503, "", "1"},
		{"a change whose answer was lost once", "DELETE", "stores/$store?force=true", "", emulator.Fault{Kind: emulator.KindStatus, Status: 503, Method: "DELETE", AfterCommit: true, Times: 1}, 200, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := setup{}
			if tc.fault.Method != "" && tc.fault.Times == 0 {
				s.timeout = 2 * time.Second // the change is looked for until then; the other calls end without it
			}
			p := start(t, s)
			w := p.given("secret")
			if tc.fault.Kind != "" {
				p.inject(tc.fault)
			}
			got := p.do(tc.method, w.fill(tc.path), tc.body)
			if got.status != tc.status || got.header.Get("X-Should-Retry") != tc.shouldRetry || got.header.Get("Retry-After") != tc.after {
				t.Errorf("%d X-Should-Retry %q Retry-After %q", got.status, got.header.Get("X-Should-Retry"), got.header.Get("Retry-After"))
			}
		})
	}
}

func TestFact16Code10000IsForAuthenticationOnly(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for _, tc := range []struct {
		name    string
		headers []string
		reason  string // empty: the caller is known
	}{
		{"a bearer key", []string{"Authorization: Bearer " + callerKey}, ""},
		{"a scheme in another case", []string{"Authorization: bEARER  " + callerKey}, ""},
		{"the older scheme", []string{"Authorization:", "X-Auth-Email: me@example.com", "X-Auth-Key: " + callerKey}, ""},
		{"both schemes, the first one good", []string{"Authorization: Bearer " + callerKey, "X-Auth-Email: me@example.com", "X-Auth-Key: other"}, ""},
		{"nothing", []string{"Authorization:"}, "CREDENTIAL_MISSING"},
		{"a mail address only", []string{"Authorization:", "X-Auth-Email: me@example.com"}, "CREDENTIAL_MISSING"},
		{"another key", []string{"Authorization: Bearer " + callerKey + "x"}, "CREDENTIAL_UNKNOWN"},
		{"the platform's own token", []string{"Authorization: Bearer " + platformToken}, "CREDENTIAL_UNKNOWN"},
		{"no scheme", []string{"Authorization: " + callerKey}, "CREDENTIAL_MALFORMED"},
		{"another scheme", []string{"Authorization: Basic " + callerKey}, "CREDENTIAL_MALFORMED"},
		{"a key without a mail address", []string{"Authorization:", "X-Auth-Key: " + callerKey}, "CREDENTIAL_MALFORMED"},
		{"both schemes, the first one bad", []string{"Authorization: Bearer x", "X-Auth-Email: me@example.com", "X-Auth-Key: " + callerKey}, "CREDENTIAL_UNKNOWN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := p.in(t)
			got := p.do("GET", "stores", "", tc.headers...)
			wanted := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[tc.reason == ""]
			if got.status != wanted {
				t.Fatalf("rest: %d %s", got.status, got.body)
			}
			if challenge := got.header.Get("WWW-Authenticate"); strings.HasPrefix(challenge, "Bearer ") == (tc.reason == "") {
				t.Errorf("WWW-Authenticate %q", challenge)
			}
			r := p.withHeaders(tc.headers)
			if (r.code == codes.OK) != (tc.reason == "") || r.info.GetReason() != tc.reason {
				t.Errorf("grpc: %v", r.err)
			}
		})
	}
}

// withHeaders lists stores over gRPC with headers as of REST.
func (p *program) withHeaders(headers []string) ruling {
	p.t.Helper()
	sent := metadata.MD{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if value = strings.TrimSpace(value); value != "" {
			sent.Append(name, value)
		}
	}
	ctx := metadata.NewOutgoingContext(context.Background(), sent)
	m := methodNamed(p.t, "GetUser")
	r := ruling{answer: messageFor(p.t, m.Output())}
	r.err = p.conn.Invoke(ctx, "/"+string(m.Parent().FullName())+"/GetUser", messageFor(p.t, m.Input()), r.answer)
	r.takeApart()
	return r
}

func TestFact17ARefusalDoesNotRepeatTheValue(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	secrets := "stores/" + w.store + "/secrets"
	const value = "sUp3rSecretValue"
	for _, tc := range []struct{ method, path, body string }{
		{"POST", secrets, `[{"name":"","value":"` + value + `","scopes":[]}]`},
		{"POST", secrets, `[{"name":"taken","value":"` + value + `","scopes":["dex"]}]`},
		{"POST", secrets, `[{"name":"A","value":{"v":"` + value + `"},"scopes":["dex"]}]`},
		{"POST", secrets, `[{"name":"A","value":["` + value + `"],"scopes":["dex"]}]`},
		{"POST", secrets, `[{"name":"A","value":"` + strings.Repeat(value, 5000) + `","scopes":["dex"]}]`},
		{"POST", secrets, `[{"name":"A","valeu":"` + value + `","scopes":["dex"]}]`},
		{"POST", secrets, `[{"name":"A","value":"` + value + `","scopes":["` + value + `"]}]`},
		{"POST", secrets, `[{"name":"A","value":"` + value},
		{"POST", secrets, `"` + value + `"`},
		{"POST", secrets, value},
		{"PATCH", secrets + "/" + w.secret, `{"value":"` + value + `","scopes":[]}`},
		{"PATCH", secrets + "/" + noSuchID, `{"value":"` + value + `"}`},
		{"PATCH", secrets + "/" + w.secret, `{"value":"` + value + `","name":"other"}`},
	} {
		got := p.do(tc.method, tc.path, tc.body)
		if got.status < http.StatusBadRequest || strings.Contains(strings.ToLower(got.body), strings.ToLower(value)) {
			t.Errorf("%.80s: %d %s", tc.body, got.status, got.body)
		}
	}
	if strings.Contains(p.out.String(), value) {
		t.Error("the value is in the log")
	}
}

// As wrangler starts without an account id.
func TestFact18ClientsFindOutWhoTheyAre(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for _, path := range []string{"/client/v4/user/tokens/verify", "/client/v4/accounts/" + accountID + "/tokens/verify"} {
		got := p.must("GET", path, "")
		if token := got.Result.(map[string]any); token["status"] != "active" || !idForm.MatchString(text(token["id"])) || got.messages()[0] != "This API Token is valid and active" {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	if user := p.must("GET", "/client/v4/user", "").Result.(map[string]any); !idForm.MatchString(text(user["id"])) || !strings.Contains(text(user["email"]), "@") {
		t.Errorf("the user is %v", user)
	}
	accounts, memberships := map[string]bool{}, map[string]bool{}
	p.everyPage("/client/v4/accounts", func(item map[string]any) { accounts[text(item["id"])] = true })
	p.everyPage("/client/v4/memberships", func(item map[string]any) {
		memberships[text(item["account"].(map[string]any)["id"])] = true
	})
	if !accounts[accountID] || !memberships[accountID] || len(accounts)+len(memberships) != 2 {
		t.Errorf("accounts %v, memberships %v", accounts, memberships)
	}
}

// everyPage reads a list until page times per_page reaches total_count.
func (p *program) everyPage(path string, each func(map[string]any)) {
	p.t.Helper()
	for page := 1; page < 10; page++ {
		got := p.must("GET", path+"?page="+string(rune('0'+page)), "")
		var info struct {
			Info struct {
				PerPage int `json:"per_page"`
				Total   int `json:"total_count"`
			} `json:"result_info"`
		}
		if err := json.Unmarshal([]byte(got.body), &info); err != nil {
			p.t.Fatal(err)
		}
		for _, item := range got.Result.([]any) {
			each(item.(map[string]any))
		}
		if page*info.Info.PerPage >= info.Info.Total {
			return
		}
	}
	p.t.Errorf("%s has no end", path)
}
