package main

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/emulator"
)

func TestWhatIsKeptSaysHowOldItIs(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	store := "stores/" + w.store
	p.learn(w)
	asked := len(p.cf.Requests())
	for _, path := range []string{"stores", store, store + "/secrets", store + "/secrets/" + w.secret, "quota"} {
		got := p.must("GET", path, "")
		age, err := strconv.Atoi(got.header.Get("Age"))
		if got.header.Get("Cache-Status") != "storekeeper; hit" || err != nil || age < 0 || age > 30 || got.header.Get("Cf-Ray") != "" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
	got := p.call(context.Background(), "GetSecret", `{"account_id":"main","store_id":"`+w.store+`","secret_id":"`+w.secret+`"}`)
	if first1(got, "cache-status") != "storekeeper; hit" || first1(got, "age") == "" {
		t.Errorf("grpc: %v", got.headers())
	}
	if n := len(p.cf.Requests()) - asked; n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
	if calls, _ := p.out.line("call")["upstream_calls"].(float64); calls != 0 || p.out.line("call")["cf_ray"] != nil {
		t.Errorf("the log says %v", p.out.line("call"))
	}

	// With no-cache, Cloudflare is asked.
	for _, path := range []string{"stores", store, store + "/secrets", store + "/secrets/" + w.secret, "quota"} {
		asked := len(p.cf.Requests())
		got := p.must("GET", path, "", "Cache-Control: max-age=0, No-Cache")
		if got.header.Get("Cache-Status") != "" || got.header.Get("Age") != "" || got.header.Get("Cf-Ray") == "" || len(p.cf.Requests()) != asked+1 {
			t.Errorf("%s, asked anew: %v", path, got.header)
		}
	}
	asked = len(p.cf.Requests())
	got = p.call(metadata.AppendToOutgoingContext(context.Background(), "cache-control", "no-cache"), "ListStores", `{"account_id":"main"}`)
	if got.err != nil || first1(got, "cache-status") != "" || len(p.cf.Requests()) != asked+1 {
		t.Errorf("grpc: %v %v", got.err, got.headers())
	}
	// No change is answered from the cache.
	if got := p.must("POST", store+"/secrets", newSecret); got.header.Get("Cache-Status") != "" || got.header.Get("Age") != "" {
		t.Errorf("a change: %v", got.header)
	}
}

func TestAReadShowsWhatWasChangedHere(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	p.learn(w)
	secrets := "stores/" + w.store + "/secrets"
	made := p.must("POST", secrets, newSecret).id()
	if got := namesOf(p.must("GET", secrets+"?order=name&direction=asc", "")); strings.Join(got, " ") != "A taken" {
		t.Errorf("after a create: %v", got)
	}
	p.must("PATCH", secrets+"/"+made, `{"comment":"new"}`)
	if got := p.must("GET", secrets+"/"+made, ""); !strings.Contains(got.body, `"comment":"new"`) || got.header.Get("Cache-Status") == "" {
		t.Errorf("after an update: %s %v", got.body, got.header)
	}
	p.must("DELETE", secrets+"/"+w.secret, "")
	if got := p.do("GET", secrets+"/"+w.secret, ""); got.status != http.StatusNotFound {
		t.Errorf("after a deletion: %d %s", got.status, got.body)
	}
	if got := p.must("GET", "quota", ""); !strings.Contains(got.body, `"usage":1`) {
		t.Errorf("the quota after all: %s", got.body)
	}
}

// rates matches the rate-limit headers of every answer.
var (
	shareForm  = regexp.MustCompile(`^"default";r=(\d+);t=(\d+)$`)
	policyForm = regexp.MustCompile(`^"default";q=60;w=120$`)
)

func TestEveryAnswerTellsWhatIsLeftOfTheShare(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"budget.calls=60", "budget.window=2m"}})
	w := p.given("secret")
	secrets := "stores/" + w.store + "/secrets"
	left := func(where, limit, policy string) int {
		t.Helper()
		found := shareForm.FindStringSubmatch(limit)
		if found == nil || !policyForm.MatchString(policy) {
			t.Fatalf("%s: Ratelimit %q, policy %q", where, limit, policy)
		}
		n, _ := strconv.Atoi(found[1])
		return n
	}
	first := p.must("GET", "stores", "")
	before := left("the first", first.header.Get("Ratelimit"), first.header.Get("Ratelimit-Policy"))
	if before < 50 || before > 59 {
		t.Errorf("%d of 60 are left after one", before)
	}
	for _, tc := range []struct {
		name, method, path, body, header string
		costs                            int
	}{
		{"a read", "GET", secrets, "", "X-None:", 1},
		{"a read of what is kept", "GET", secrets, "", "X-None:", 0},
		{"a read that asks", "GET", secrets, "", "Cache-Control: no-cache", 1},
		{"a change", "POST", secrets, newSecret, "Idempotency-Key: k", 1},
		{"its repeat", "POST", secrets, newSecret, "Idempotency-Key: k", 0},
		{"another request with its key", "POST", secrets, `[{"name":"B","value":"v","scopes":["dex"]}]`, "Idempotency-Key: k", 0},
		{"a refusal here", "POST", secrets, `[]`, "X-None:", 0},
		{"a refusal of Cloudflare's", "POST", secrets, newSecret, "X-None:", 1},
		{"a key that is none", "POST", secrets, newSecret, "Idempotency-Key: a b", 0},
	} {
		got := p.do(tc.method, tc.path, tc.body, tc.header)
		now := left(tc.name, got.header.Get("Ratelimit"), got.header.Get("Ratelimit-Policy"))
		if before-now != tc.costs {
			t.Errorf("%s: %d are left after %d, want %d less", tc.name, now, before, tc.costs)
		}
		before = now
	}
	got := p.call(context.Background(), "ListSecrets", `{"account_id":"main","store_id":"`+w.store+`"}`)
	if now := left("grpc", first1(got, "ratelimit"), first1(got, "ratelimit-policy")); now != before {
		t.Errorf("grpc: %d are left after %d", now, before)
	}
	got = p.call(context.Background(), "DeleteSecret", `{"account_id":"main","store_id":"`+w.store+`","secret_id":"`+noSuchID+`"}`)
	left("a fault over grpc", first1(got, "ratelimit"), first1(got, "ratelimit-policy"))
}

func TestASpentShareIsRefusedWithTheTimeToComeBack(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"budget.calls=10", "budget.window=1m", "budget.max_wait=0s", anyPace}})
	w := p.given("store")
	p.learn(w)
	asked := len(p.cf.Requests())
	var got reply
	p.await("the share is spent", func() bool {
		got = p.do("GET", "stores", "", "Cache-Control: no-cache")
		return got.status != http.StatusOK
	})
	wait, _ := strconv.Atoi(got.header.Get("Retry-After"))
	if got.status != http.StatusTooManyRequests || got.Errors[0].Code != 971 || !strings.HasPrefix(got.Errors[0].Message, "budget_spent: ") || wait < 1 || wait > 61 {
		t.Errorf("rest: %d %s %v", got.status, got.body, got.header)
	}
	// Three calls were spent before; calls of the second half are paced.
	if n := len(p.cf.Requests()) - asked; n < 2 || n > 7 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
	asked = len(p.cf.Requests())
	over := p.call(context.Background(), "CreateSecrets", `{"account_id":"main","store_id":"`+w.store+`","secrets":[{"name":"A","value":"v","scopes":["dex"]}]}`)
	if over.code != codes.ResourceExhausted || over.info.GetReason() != "BUDGET_SPENT" || over.retry.GetRetryDelay().AsDuration() <= 0 {
		t.Errorf("grpc: %v %v", over.err, over.retry)
	}
	// Cached answers cost no calls.
	p.must("GET", "stores", "")
	if n := len(p.cf.Requests()) - asked; n != 0 {
		t.Errorf("Cloudflare was asked %d times more", n)
	}
	p.settled()
}

func TestReadsGoOnWhileCloudflareIsAway(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"reads.max_staleness=1s"}})
	w := p.given("secret")
	p.learn(w)
	store := "stores/" + w.store
	p.inject(emulator.Fault{Kind: emulator.KindCut})
	// This many consecutive failures open the circuit breaker.
	for range 10 {
		if got := p.do("GET", "stores", "", "Cache-Control: no-cache"); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Fatalf("asked anew: %d %s", got.status, got.body)
		}
	}
	for _, path := range []string{"stores", store, store + "/secrets", store + "/secrets/" + w.secret} {
		p.await("it is older than it ought to be", func() bool {
			got := p.must("GET", path, "")
			age, err := strconv.Atoi(got.header.Get("Age"))
			return got.header.Get("Cache-Status") == "storekeeper; hit; detail=stale" && err == nil && age >= 1
		})
	}
	p.await("the quota is old", func() bool { return strings.Contains(p.must("GET", "quota", "").header.Get("Cache-Status"), "stale") })
	got := p.call(context.Background(), "ListSecrets", `{"account_id":"main","store_id":"`+w.store+`"}`)
	if got.err != nil || first1(got, "cache-status") != "storekeeper; hit; detail=stale" {
		t.Errorf("grpc: %v %v", got.err, got.headers())
	}

	asked, begun := p.sent(), time.Now()
	for _, c := range []struct{ method, path, body string }{
		{"POST", store + "/secrets", newSecret}, {"PATCH", store + "/secrets/" + w.secret, `{"comment":"c"}`}, {"DELETE", store + "/secrets/" + w.secret, ""},
	} {
		got := p.do(c.method, c.path, c.body)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("X-Should-Retry") != "" {
			t.Errorf("%s: %d %s %v", c.method, got.status, got.body, got.header)
		}
	}
	if took := time.Since(begun); took > 5*time.Second || p.sent() != asked {
		t.Errorf("refusing took %s, and %d changes were sent", took, p.sent()-asked)
	}
	p.settled()
	p.cf.ClearFaults()
	p.await("Cloudflare is back", func() bool { return p.do("POST", store+"/secrets", newSecret).status == http.StatusOK })
	if got := namesOf(p.must("GET", store+"/secrets", "")); len(got) != 2 {
		t.Errorf("after it: %v", got)
	}
	p.await("reads are young again", func() bool {
		return !strings.Contains(p.must("GET", store+"/secrets", "").header.Get("Cache-Status"), "stale")
	})
}
