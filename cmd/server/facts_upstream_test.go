package main

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/emulator"
)

// callersHeaders are headers of callers that Cloudflare must never see.
var callersHeaders = []string{
	"X-Auth-Email: caller@example.com", "X-Auth-Key: caller-key", "X-Auth-User-Service-Key: caller-key", "Cookie: caller=1",
	"Accept: caller/accept", "Accept-Language: caller", "User-Agent: caller-agent", "Referer: http://caller/", "Origin: http://caller",
	"X-Request-Id: caller-id", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate: caller=1",
	"X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Cf-Connecting-Ip: 192.0.2.1", "Via: 1.1 caller", "If-Match: caller",
	"X-Stainless-Retry-Count: 3", "api-version: 2026-11-22", "Idempotency-Key: caller-$rpc", "Grpc-Metadata-Caller: caller", "Content-Language: caller",
	"Connection: X-Caller", "X-Caller: caller", "Keep-Alive: timeout=caller", "TE: trailers", "Proxy-Authorization: Basic caller", "Upgrade: caller",
}

func TestFact20NothingOfTheCallersIsForwarded(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{askEachTime}})
	for _, c := range readParity(t).examples() {
		if !c.asksCloudflare(t) {
			continue
		}
		t.Run(c.RPC, func(t *testing.T) {
			p := p.in(t)
			w := p.given(c.Given)
			before := len(p.cf.Requests())
			method, path, _ := strings.Cut(w.fill(c.REST), " ")
			// A different name for each change.
			headers := strings.Split(strings.ReplaceAll(strings.Join(callersHeaders, "\n"), "$rpc", c.RPC), "\n")
			p.must(method, path+"?caller=1&page_size=1", w.fill(c.Body), headers...)
			w = p.given(c.Given)
			sent := metadata.MD{}
			for _, h := range headers {
				name, value, _ := strings.Cut(strings.ToLower(h), ": ")
				if !slices.Contains([]string{"connection", "te", "user-agent", "upgrade", "keep-alive"}, name) {
					sent.Append(name, value)
				}
			}
			if got := p.call(metadata.NewOutgoingContext(context.Background(), sent), c.RPC, w.fill(c.GRPC)); got.err != nil {
				t.Error(got.err)
			}
			asked := p.cf.Requests()[before:]
			for _, r := range asked {
				checkForwarded(t, r)
			}
		})
	}
}

// checkForwarded checks that a request to Cloudflare only has allowed parts.
func checkForwarded(t *testing.T, r emulator.LoggedRequest) {
	t.Helper()
	want := map[string]string{
		"Authorization": "Bearer " + platformToken, "Accept": "application/json", "User-Agent": "storekeeper/(devel)",
		"Content-Type": "application/json",
	}
	for name, values := range r.Header {
		if name == "Content-Length" {
			continue
		}
		if len(values) != 1 || values[0] != want[name] {
			t.Errorf("%s %s: header %s: %q", r.Method, r.Path, name, values)
		}
	}
	if r.Query != "" && r.Query != "page=1&per_page=100&order=created&direction=desc" {
		t.Errorf("%s %s: query %q", r.Method, r.Path, r.Query)
	}
	if strings.Contains(string(r.Body), "caller") {
		t.Errorf("%s %s: body %s", r.Method, r.Path, r.Body)
	}
}

func TestFact20NoIdentifierChangesARoute(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	before := len(p.cf.Requests())
	for _, id := range []string{
		"..", ".", "%2e%2e", "%2E%2E%2F", "..%2f..%2fquota", w.store + "%2fsecrets", w.store + "%00", w.store + "%20", "%0a", "%ff",
		w.store + "?x", w.store + ";x", w.store + "%3fforce=true", w.store[:31], w.store + "0", strings.ToUpper(w.store[:31]) + "G",
		"3fd85f74-b327-42f1-bff6-4a85009dda07", "*", "{store_id}", "%25", "é",
	} {
		for _, path := range []string{"stores/" + id, "stores/" + id + "/secrets", "stores/" + w.store + "/secrets/" + id} {
			// A key has the call described before its rights are known.
			if got := p.do("DELETE", path, "", "Idempotency-Key: k"); strings.Contains(id, "%ff") && (got.status < http.StatusBadRequest || got.status >= http.StatusInternalServerError) {
				t.Errorf("%s with a key: %d %s", path, got.status, got.body)
			}
			if got := p.do("DELETE", path, `{"ids":["`+w.secret+`"]}`); got.status < http.StatusBadRequest && id != w.store+"?x" {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
		if id == w.store+"?x" {
			// An unknown query key, so these were deleted as asked.
			p.cf.Reset()
			w = p.given("secret")
			before = len(p.cf.Requests())
		}
	}
	for _, account := range []string{"..", "%2e%2e", accountID + "%2f..%2f" + noSuchID, "%ff", accountID + " "} {
		if got := p.do("GET", "/client/v4/accounts/"+strings.ReplaceAll(account, " ", "%20")+"/secrets_store/quota", ""); got.status < http.StatusBadRequest {
			t.Errorf("%s: %d %s", account, got.status, got.body)
		}
	}
	if asked := p.cf.Requests()[before:]; len(asked) != 0 {
		t.Errorf("Cloudflare was asked for %s %s", asked[0].Method, asked[0].Path)
	}
}

func TestFact21OnlyTheRayIsRelayed(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"budget.calls=600", "budget.window=2m"}, wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "__cf_bm=upstream; HttpOnly")
			w.Header().Set("Server", "upstream")
			w.Header().Set("X-Upstream", "upstream")
			w.Header().Set("Age", "77")
			w.Header().Set("Cache-Status", "upstream; hit")
			w.Header().Set("Location", "http://upstream/")
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Trailer", "X-Late")
			next.ServeHTTP(w, r)
		})
	}})
	w := p.given("secret")
	known := []string{"Cf-Ray", "Content-Length", "Content-Type", "Date", "Ratelimit", "Ratelimit-Policy", "X-Content-Type-Options", "X-Request-Id"}
	for path, want := range map[string]int{"stores/" + w.store: http.StatusOK, "stores/" + noSuchID: http.StatusNotFound} {
		got := p.do("GET", path, "", "Cache-Control: no-cache")
		if sent := slices.Sorted(maps.Keys(got.header)); got.status != want || !slices.Equal(sent, known) {
			t.Errorf("%s: %d %v", path, got.status, sent)
		}
		if !regexp.MustCompile(`^[0-9a-f]{16}-DEV$`).MatchString(got.header.Get("Cf-Ray")) {
			t.Errorf("%s: ray %q", path, got.header.Get("Cf-Ray"))
		}
		// Cloudflare's rate-limit headers are about the credential, not about a caller's share.
		if got.header.Get("Ratelimit-Policy") != `"default";q=600;w=120` {
			t.Errorf("%s: policy %q", path, got.header.Get("Ratelimit-Policy"))
		}
		if ray, _ := p.out.line("call")["cf_ray"].([]any); len(ray) != 1 || ray[0] != got.header.Get("Cf-Ray") {
			t.Errorf("%s: ray %v in the log, %s in the answer", path, ray, got.header.Get("Cf-Ray"))
		}
	}
	fresh := metadata.AppendToOutgoingContext(context.Background(), "cache-control", "no-cache")
	got := p.call(fresh, "GetStore", `{"account_id":"main","store_id":"`+w.store+`"}`)
	for name := range got.headers() {
		if !slices.Contains([]string{"cf-ray", "content-type", "ratelimit", "ratelimit-policy", "x-request-id"}, name) {
			t.Errorf("grpc: header %s", name)
		}
	}
	if len(got.headers().Get("cf-ray")) != 1 {
		t.Errorf("grpc: %v", got.headers())
	}
}

func TestNoticesOfCloudflareAreRelayed(t *testing.T) {
	t.Parallel()
	p := start(t, setup{
		wrap: answering(`"messages":[]`, `"messages":[{"code":1234,"message":"soon to be retired","documentation_url":"https://example.com/","source":{"pointer":"/name"}}]`),
		sets: []string{askEachTime},
	})
	w := p.given("secret")
	const want = `"messages":[{"code":1234,"message":"soon to be retired","documentation_url":"https://example.com/","source":{"pointer":"/name"}}]`
	secrets := "stores/" + w.store + "/secrets"
	for _, tc := range []struct{ method, path, body string }{
		{"GET", "stores/" + w.store, ""},
		{"GET", secrets + "/" + w.secret, ""},
		{"POST", secrets, `[{"name":"A","value":"v","scopes":["dex"]}]`},
		{"PATCH", secrets + "/" + w.secret, `{"comment":"c"}`},
		{"DELETE", secrets + "/" + w.secret, ""},
	} {
		if got := p.must(tc.method, tc.path, tc.body); !strings.Contains(got.body, want) {
			t.Errorf("%s %s: %s", tc.method, tc.path, got.body)
		}
	}
	if got := p.do("GET", "stores/"+noSuchID, ""); !strings.Contains(got.body, `"soon to be retired"`) || got.status != http.StatusNotFound {
		t.Errorf("got %s", got.body)
	}
}
