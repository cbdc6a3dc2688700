package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/emulator"
)

// The retry headers of a client without keys.
const (
	firstTry  = "X-Stainless-Retry-Count: 0"
	secondTry = "X-Stainless-Retry-Count: 1"
)

// later has changes of the object of the first call, by any caller. Afterwards
// the first answer must not be given to an equal call.
var later = []struct {
	name string
	// first is made twice: as a first try, and as a repeat of a try that never
	// arrived.
	first [3]string
	then  func(p *program, w world)
	// want is the status of the repeat.
	want int
}{
	{"an update by the same caller", [3]string{"PATCH", "stores/$store/secrets/$secret", `{"value":"A"}`}, func(p *program, w world) {
		p.must("PATCH", w.fill("stores/$store/secrets/$secret"), `{"value":"B"}`)
	}, http.StatusOK},
	{"an update with a key", [3]string{"PATCH", "stores/$store/secrets/$secret", `{"value":"A"}`}, func(p *program, w world) {
		p.must("PATCH", w.fill("stores/$store/secrets/$secret"), `{"value":"B"}`, "Idempotency-Key: k")
	}, http.StatusOK},
	{"an update by another caller", [3]string{"PATCH", "stores/$store/secrets/$secret", `{"value":"A"}`}, func(p *program, w world) {
		p.must("PATCH", w.fill("stores/$store/secrets/$secret"), `{"value":"B"}`, "Authorization: Bearer "+otherKey)
	}, http.StatusOK},
	{"an update over gRPC under the account's name", [3]string{"PATCH", "stores/$store/secrets/$secret", `{"value":"A"}`}, func(p *program, w world) {
		if got := p.call(context.Background(), "UpdateSecret", w.fill(`{"account_id":"main","store_id":"$store","secret_id":"$secret","value":"B"}`)); got.err != nil {
			p.t.Fatal(got.err)
		}
	}, http.StatusOK},
	{"an update, and then a restart", [3]string{"PATCH", "stores/$store/secrets/$secret", `{"value":"A"}`}, func(p *program, w world) {
		p.must("PATCH", w.fill("stores/$store/secrets/$secret"), `{"value":"B"}`)
		p.restart()
	}, http.StatusOK},
	{"an update of the scopes", [3]string{"PATCH", "stores/$store/secrets/$secret", `{"scopes":["dex"]}`}, func(p *program, w world) {
		p.must("PATCH", w.fill("stores/$store/secrets/$secret"), `{"scopes":["access"]}`)
	}, http.StatusOK},
	{"a delete of what was made", [3]string{"POST", "stores/$store/secrets", newSecret}, func(p *program, w world) {
		p.must("DELETE", w.fill("stores/$store/secrets/")+p.idOf(w.store, "A"), "")
	}, http.StatusOK},
	{"a delete of many", [3]string{"POST", "stores/$store/secrets", newSecret}, func(p *program, w world) {
		p.must("DELETE", w.fill("stores/$store/secrets"), w.fill(`{"ids":["$secret","`+p.idOf(w.store, "A")+`"]}`))
	}, http.StatusOK},
	{"a delete of the store with all in it", [3]string{"POST", "stores/$store/secrets", newSecret}, func(p *program, w world) {
		p.must("DELETE", w.fill("stores/$store?force=true"), "")
	}, http.StatusNotFound},
	{"a delete of the store of what was updated", [3]string{"PATCH", "stores/$store/secrets/$secret", `{"comment":"c"}`}, func(p *program, w world) {
		p.must("DELETE", w.fill("stores/$store?force=true"), "")
	}, http.StatusNotFound},
	{"a delete of a copy", [3]string{"POST", "stores/$store/secrets/$secret/duplicate", `{"name":"A","scopes":["dex"]}`}, func(p *program, w world) {
		p.must("DELETE", w.fill("stores/$store/secrets/")+p.idOf(w.store, "A"), "")
	}, http.StatusOK},
	{"a delete of a store that was made", [3]string{"POST", "stores", `{"name":"fresh"}`}, func(p *program, _ world) {
		p.must("DELETE", "stores/"+p.storeNamed("fresh"), "")
	}, http.StatusOK},
}

// idOf is the identifier of a secret, and storeNamed that of a store.
func (p *program) idOf(store, name string) string {
	p.t.Helper()
	return identifier.FindStringSubmatch(p.cloudflare("GET", "/stores/"+store+"/secrets?search="+name, ""))[1]
}

func (p *program) storeNamed(name string) string {
	p.t.Helper()
	all := p.cloudflare("GET", "/stores", "")
	return identifier.FindStringSubmatch(all[strings.LastIndex(all[:strings.Index(all, `"name":"`+name+`"`)], `{"id"`):])[1]
}

// wide is a plan with room for the stores of a test.
var wide = emulator.Config{Accounts: []emulator.Account{{ID: accountID, StoreLimit: 10}}}

func TestAnAnswerWithoutAKeyEndsWithTheNextChangeOfItsObject(t *testing.T) {
	t.Parallel()
	for _, tc := range later {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{callers: otherCaller("team-search"), emulator: wide})
			w := p.given("secret")
			method, path, body := tc.first[0], w.fill(tc.first[1]), tc.first[2]
			p.must(method, path, body, firstTry)
			if again := p.must(method, path, body, secondTry); again.header.Get("Idempotent-Replayed") != "true" {
				t.Fatalf("a repeat at once: %d %s %v", again.status, again.body, again.header)
			}
			tc.then(p, w)
			before := p.sent()
			again := p.do(method, path, body, secondTry)
			if again.status != tc.want || again.header.Get("Idempotent-Replayed") != "" || p.sent() == before {
				t.Errorf("a repeat after the change: %d %s %v, %d requests", again.status, again.body, again.header, p.sent()-before)
			}
		})
	}
}

func TestTheAnswerToADeletionWithoutAKeyStaysWhenTheNameIsUsedAgain(t *testing.T) {
	t.Parallel()
	one, many := [3]string{"DELETE", "stores/$store/secrets/$secret", ""}, [3]string{"DELETE", "stores/$store/secrets", `{"ids":["$secret"]}`}
	store := [3]string{"DELETE", "stores/$store?force=true", ""}
	created := func(p *program, w world) {
		p.must("POST", w.fill("stores/$store/secrets"), `[{"name":"taken","value":"B","scopes":["dex"]}]`)
	}
	for name, tc := range map[string]struct {
		first [3]string
		then  func(p *program, w world)
	}{
		"a secret, and a new secret of the name":    {one, created},
		"many secrets, and a new secret of a name":  {many, created},
		"a secret, and the store":                   {one, func(p *program, w world) { p.must("DELETE", w.fill("stores/$store?force=true"), "") }},
		"a secret, a new secret, and a restart":     {one, func(p *program, w world) { created(p, w); p.restart() }},
		"a store, and a new store of the same name": {store, func(p *program, _ world) { p.must("POST", "stores", `{"name":"s"}`) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{emulator: wide})
			w := p.given("secret")
			method, path, body := tc.first[0], w.fill(tc.first[1]), w.fill(tc.first[2])
			p.must(method, path, body, firstTry)
			tc.then(p, w)
			before := p.sent()
			again := p.do(method, path, body, secondTry)
			if again.status != http.StatusOK && again.status != http.StatusAccepted || again.header.Get("Idempotent-Replayed") != "true" || p.sent() != before {
				t.Errorf("the repeat: %d %s %v, %d requests", again.status, again.body, again.header, p.sent()-before)
			}
		})
	}
}

// blocked makes Cloudflare refuse a read with 429, so that no call is sent for
// a few seconds.
func (p *program) blocked() {
	p.t.Helper()
	p.inject(emulator.Fault{Kind: emulator.KindRateLimit, Method: "GET", Times: 1, RetryAfter: 3 * time.Second})
	p.do("GET", "stores", "", "Cache-Control: no-cache")
}

// repeated repeats a call as SDKs do, until the budget lets it pass.
func (p *program) repeated(method, path, body string) reply {
	p.t.Helper()
	var got reply
	p.await("the repeat is let pass", func() bool {
		got = p.do(method, path, body, secondTry)
		return got.status != http.StatusTooManyRequests && got.status != http.StatusServiceUnavailable
	})
	return got
}

func TestAFirstTryThatFailsLeavesNoOlderAnswerToItsRepeat(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]struct {
		first [3]string
		then  func(p *program, w world)
	}{
		"update, update, update": {[3]string{"PATCH", "stores/$store/secrets/$secret", `{"value":"A"}`}, func(p *program, w world) {
			p.must("PATCH", w.fill("stores/$store/secrets/$secret"), `{"value":"B"}`, firstTry)
		}},
		"update, an update outside Storekeeper, update": {[3]string{"PATCH", "stores/$store/secrets/$secret", `{"value":"A"}`}, func(p *program, w world) {
			p.cloudflare("PATCH", w.fill("/stores/$store/secrets/$secret"), `{"value":"B"}`)
		}},
		"create, delete, create": {[3]string{"POST", "stores/$store/secrets", `[{"name":"NEW","value":"A","scopes":["dex"]}]`}, func(p *program, w world) {
			p.must("DELETE", w.fill("stores/$store/secrets/")+p.idOf(w.store, "NEW"), "", firstTry)
		}},
		"create, a delete outside Storekeeper, create": {[3]string{"POST", "stores/$store/secrets", `[{"name":"NEW","value":"A","scopes":["dex"]}]`}, func(p *program, w world) {
			p.cloudflare("DELETE", w.fill("/stores/$store/secrets/")+p.idOf(w.store, "NEW"), "")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A block is longer than the wait of any call.
			p := start(t, setup{sets: []string{"budget.max_wait=100ms"}})
			w := p.given("secret")
			method, path, body := steps.first[0], w.fill(steps.first[1]), steps.first[2]
			p.must(method, path, body, firstTry)
			steps.then(p, w)
			p.blocked()
			if got := p.do(method, path, body, firstTry); got.status != http.StatusTooManyRequests {
				t.Fatalf("the first try: %d %s", got.status, got.body)
			}
			before := p.sent()
			again := p.repeated(method, path, body)
			if again.status != http.StatusOK || again.header.Get("Idempotent-Replayed") != "" || p.sent() != before+1 {
				t.Errorf("the repeat: %d %s %v, %d requests", again.status, again.body, again.header, p.sent()-before)
			}
			secret := "taken"
			if method == "POST" {
				secret = "NEW"
			}
			if value, _ := p.cf.Value(accountID, w.store, secret); value != "A" {
				t.Errorf("the value is %q", value)
			}
		})
	}
}

// The first attempt ends with its caller, while it waits for another change of
// the same object.
func TestAFirstTryThatIsGivenUpLeavesNoOlderAnswerToItsRepeat(t *testing.T) {
	t.Parallel()
	g := newDoorman()
	p := start(t, setup{wrap: g.wrap})
	w := p.given("secret")
	path := w.fill("stores/$store/secrets/$secret")
	p.must("PATCH", path, `{"value":"A"}`, firstTry)
	g.shut.Store(true)
	other := make(chan reply, 1)
	go func() {
		got, _ := p.try(context.Background(), "PATCH", path, strings.NewReader(`{"value":"B"}`), firstTry)
		other <- got
	}()
	p.wait("the other change arrives", g.arrived)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if got, err := p.try(ctx, "PATCH", path, strings.NewReader(`{"value":"A"}`), firstTry); err == nil {
		t.Fatalf("the first try: %d %s", got.status, got.body)
	}
	close(g.open)
	<-other
	again := p.send(metadata.AppendToOutgoingContext(context.Background(), "grpc-previous-rpc-attempts", "1"), "UpdateSecret", &secretsstorev1.UpdateSecretRequest{
		AccountId: accountID, StoreId: w.store, SecretId: w.secret, Value: proto.String("A"),
	})
	if value, _ := p.cf.Value(accountID, w.store, "taken"); again.err != nil || value != "A" {
		t.Errorf("the repeat: %v, the value is %q", again.err, value)
	}
}

// Cloudflare fails just after a create, and for longer than anybody waits.
func TestARepeatIsToldThatItsOwnChangeIsStillOpen(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"idempotency.wait=1s"}, timeout: time.Second})
	w := p.given("store")
	path := "stores/" + w.store + "/secrets"
	p.must("GET", path, "")
	p.inject(emulator.Fault{Kind: emulator.KindCut, Method: "POST", AfterCommit: true, Times: 1}, emulator.Fault{Kind: emulator.KindStatus, Status: 503})
	for i, call := range []struct{ body, key, want, named string }{
		{newSecret, "k", "upstream_answer_lost", ""},
		{newSecret, "k", "change_in_progress", "of request first"},
		{strings.Replace(newSecret, "v1", "v2", 1), "l", "change_in_progress", "of request first"},
	} {
		id := "first"
		if i > 0 {
			id = "later"
		}
		got := p.do("POST", path, call.body, "Idempotency-Key: "+call.key, "X-Request-Id: "+id)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" ||
			!strings.Contains(got.body, call.want) || !strings.Contains(got.body, call.named) {
			t.Errorf("%d %s %v", got.status, got.body, got.header)
		}
	}
	p.cf.ClearFaults()
	p.settled()
	if got := p.must("POST", path, newSecret, "Idempotency-Key: k"); got.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
}

// A refusal for want of budget can come after the change was made.
func TestA429AfterTheChangeIsNoProof(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"after the change": true, "before it": false} {
		t.Run(name, func(t *testing.T) {
			eachChange(t, func(t *testing.T, c parityCase) {
				t.Parallel()
				p := start(t, setup{})
				w := p.given(c.Given)
				p.learn(w)
				method, path, _ := strings.Cut(w.fill(c.REST), " ")
				p.inject(emulator.Fault{Kind: emulator.KindRateLimit, Method: method, Times: 1, RetryAfter: time.Second, AfterCommit: after})
				first := p.do(method, path, w.fill(c.Body), "Idempotency-Key: k", "X-Request-Id: struck")
				if first.status != http.StatusTooManyRequests || first.header.Get("Retry-After") == "" {
					t.Fatalf("%d %s %v", first.status, first.body, first.header)
				}
				p.settled()
				again := p.do(method, path, w.fill(c.Body), "Idempotency-Key: k")
				if again.status >= http.StatusBadRequest {
					t.Errorf("the repeat: %d %s", again.status, again.body)
				}
				if after && strings.HasPrefix(p.lastOutcome(t, "struck"), "failed") {
					t.Errorf("the trail says %s", p.lastOutcome(t, "struck"))
				}
			})
		})
	}
}
