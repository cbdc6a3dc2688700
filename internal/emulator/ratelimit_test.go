package emulator_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

func TestTheBudgetIsPerCredential(t *testing.T) {
	a := start(t, emulator.Config{RateLimit: &emulator.RateLimit{Requests: 2, Window: 10 * time.Second, Block: time.Minute}})
	spend := func(token string, status int) reply {
		t.Helper()
		a.header = http.Header{"Authorization": {"Bearer " + token}}
		got := a.do("GET", "quota", "")
		if got.status != status {
			t.Fatalf("%s: status %d, want %d", token, got.status, status)
		}
		return got
	}
	spend("x", 200)
	within := spend("x", 200)
	if p, r := within.header.Get("Ratelimit-Policy"), within.header.Get("Ratelimit"); p != `"default";q=2;w=10` || r != `"default";r=1;t=1` {
		t.Errorf("policy %s, rate limit %s", p, r)
	}
	over := spend("x", 429)
	if want := plainly(971, "More than 2 requests per 10 seconds reached. Please wait and consider throttling your request speed"); over.body != want {
		t.Errorf("got %s, want %s", over.body, want)
	}
	if w, r := over.header.Get("Retry-After"), over.header.Get("Ratelimit"); w != "60" || r != `"default";r=0;t=60` {
		t.Errorf("retry after %s, rate limit %s", w, r)
	}
	spend("y", 200)
	a.clock.move(59*time.Second + 500*time.Millisecond)
	if w := spend("x", 429).header.Get("Retry-After"); w != "1" {
		t.Errorf("retry after %s, want 1", w)
	}
	a.clock.move(500 * time.Millisecond)
	spend("x", 200)
	spend("x", 200)
	a.clock.move(10 * time.Second)
	spend("x", 200)
}

func TestWhatCostsNothing(t *testing.T) {
	a := start(t, emulator.Config{Tokens: []string{token}, RateLimit: &emulator.RateLimit{Requests: 1}})
	a.do("GET", "/client/v4/nowhere", "")
	a.header.Set("Authorization", "Bearer wrong")
	a.do("GET", "quota", "")
	a.header.Set("Authorization", "Bearer "+token)
	a.must("GET", "quota", "")
	if got := a.do("GET", "quota", ""); got.status != 429 {
		t.Errorf("status %d, want 429", got.status)
	}
}

func TestTheBudgetIsCloudflaresByDefault(t *testing.T) {
	for name, c := range map[string]emulator.Config{"default": {}, "off": {RateLimit: &emulator.RateLimit{}}} {
		a := start(t, c)
		if p := a.do("GET", "/client/v4/nowhere", "").header.Get("Ratelimit-Policy"); p != `"default";q=1200;w=300` {
			t.Errorf("%s: policy %s", name, p)
		}
	}
}

// TestForgottenCredentialsStartAfresh uses more credentials than are kept.
func TestForgottenCredentialsStartAfresh(t *testing.T) {
	clock := newClock()
	e := emulator.New(emulator.Config{Clock: clock.Now, RateLimit: &emulator.RateLimit{Requests: 1, Window: time.Second, Block: time.Second}})
	for round := range 3 {
		for i := range 1500 {
			if w := serve(e, "GET", "quota", strconv.Itoa(i)); w.Code != 200 {
				t.Fatalf("round %d: status %d, want 200", round, w.Code)
			}
		}
		clock.move(time.Second)
	}
}
