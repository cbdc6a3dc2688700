package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/emulator"
)

// A caller that leaves does not know whether the change was made, so Storekeeper completes the change.
func TestAChangeGoesOnWhenItsCallerLeaves(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(context.Context, *program, string){
		"rest": func(ctx context.Context, p *program, store string) {
			_, _ = p.try(ctx, "POST", "stores/"+store+"/secrets", strings.NewReader(newSecret), "Idempotency-Key: k", "X-Request-Id: left")
		},
		"grpc": func(ctx context.Context, p *program, store string) {
			p.send(metadata.AppendToOutgoingContext(ctx, "idempotency-key", "k", "x-request-id", "left"), "CreateSecrets", named(store, "v1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newDoorman()
			p := start(t, setup{wrap: g.wrap})
			w := p.given("store")
			g.shut.Store(true)
			leaveDuring(t, p, g.gate, func(ctx context.Context) { leave(ctx, p, w.store) })
			close(g.open)
			p.await("the secret is there", func() bool { _, made := p.cf.Value(accountID, w.store, "A"); return made })
			p.settled()
			if n := len(g.gaveUp); n != 0 {
				t.Errorf("Cloudflare was left %d times", n)
			}
			p.await("the call is in the log", func() bool { return p.out.line("call") != nil })
			if records := p.trail(t).about("left"); len(records) != 2 || records[1].Outcome != "succeeded" {
				t.Errorf("the trail says %+v", records)
			}
			again := p.must("POST", "stores/"+w.store+"/secrets", newSecret, "Idempotency-Key: k", "X-Request-Id: again")
			if again.header.Get("Idempotent-Replayed") != "true" || len(p.trail(t).about("again")) != 0 || p.sent() != 2 {
				t.Errorf("%v after %d changes, in the trail as %+v", again.header, p.sent(), p.trail(t).about("again"))
			}
			// The next read shows the change too.
			if got := namesOf(p.must("GET", "stores/"+w.store+"/secrets", "")); len(got) != 1 || got[0] != "A" {
				t.Errorf("listed %v", got)
			}
		})
	}
}

func TestAReplaySurvivesARestart(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	secrets := "stores/" + w.store + "/secrets"
	made := p.must("POST", secrets, newSecret, "Idempotency-Key: made")
	gone := p.must("DELETE", secrets+"/"+w.secret, "", "Idempotency-Key: gone")
	refused := p.do("POST", "stores", `{"name":"s"}`, "Idempotency-Key: refused")
	body, first := p.callRaw(withKey("grpc"), "UpdateSecret", `{"account_id":"main","store_id":"`+w.store+`","secret_id":"`+made.id()+`","comment":"c"}`)
	if first.err != nil {
		t.Fatal(first.err)
	}
	asked := p.sent()
	p.restart()
	for _, tc := range []struct {
		method, path, body, key string
		want                    reply
	}{
		{"POST", secrets, newSecret, "made", made},
		{"DELETE", secrets + "/" + w.secret, "", "gone", gone},
		{"POST", "stores", `{"name":"s"}`, "refused", refused},
	} {
		got := p.do(tc.method, tc.path, tc.body, "Idempotency-Key: "+tc.key)
		if got.status != tc.want.status || got.body != tc.want.body || got.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %s %v, want %d %s", tc.key, got.status, got.body, got.header, tc.want.status, tc.want.body)
		}
	}
	same, again := p.callRaw(withKey("grpc"), "UpdateSecret", `{"account_id":"main","store_id":"`+w.store+`","secret_id":"`+made.id()+`","comment":"c"}`)
	if again.err != nil || string(same) != string(body) || first1(again, "idempotent-replayed") != "true" {
		t.Errorf("grpc: %v %v", again.err, again.headers())
	}
	if got := p.do("POST", secrets, strings.Replace(newSecret, "v1", "v2", 1), "Idempotency-Key: made"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("another value: %d %s", got.status, got.body)
	}
	if n := p.sent() - asked; n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

// A deleted object has no name at Cloudflare any more, but the rule needs the
// name.
func TestAReplayedDeletionIsJudgedByTheNameThatWas(t *testing.T) {
	t.Parallel()
	p := start(t, setup{
		callers: otherCaller("team-search"),
		policy: `
rules:
  - {id: payments, actions: ["*"], when: 'principal.name == "` + callerName + `"'}
  - {id: search, actions: ["secret.*"], when: 'principal.name == "team-search" && secret.startsWith("SEARCH_")'}
`,
	})
	w := p.given("store")
	secrets, search := "stores/"+w.store+"/secrets", "Authorization: Bearer "+otherKey
	one := p.must("POST", secrets, `[{"name":"SEARCH_ONE","value":"v","scopes":["dex"]}]`, search).id()
	two := p.must("POST", secrets, `[{"name":"SEARCH_TWO","value":"v","scopes":["dex"]}]`, search).id()
	single := p.must("DELETE", secrets+"/"+one, "", search, "Idempotency-Key: one")
	several := p.must("DELETE", secrets, `{"ids":["`+two+`"]}`, search, "X-Stainless-Retry-Count: 0")
	asked := p.sent()
	p.restart()
	if got := p.do("DELETE", secrets+"/"+one, "", search, "Idempotency-Key: one"); got.body != single.body || got.status != single.status || got.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("with its key: %d %s", got.status, got.body)
	}
	if got := p.do("DELETE", secrets, `{"ids":["`+two+`"]}`, search, "X-Stainless-Retry-Count: 1"); got.body != several.body || got.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("as a retry: %d %s", got.status, got.body)
	}
	// The remembered name is only used for the repeat.
	if got := p.do("DELETE", secrets+"/"+noSuchID, "", search, "Idempotency-Key: one"); got.status < http.StatusBadRequest || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another secret with the key: %d %s", got.status, got.body)
	}
	if n := p.sent() - asked; n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

// A stop after the grace period leaves a change open, and the next process
// finds the outcome.
func TestAStopLeavesNoChangeOpenForLong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault    emulator.Fault
		replayed bool
		found    string
	}{
		"that was made":     {emulator.Fault{Kind: emulator.KindDelay, Delay: time.Minute, Method: "POST", Times: 1, AfterCommit: true}, true, "succeeded RECOVERED"},
		"that was not made": {emulator.Fault{Kind: emulator.KindDelay, Delay: time.Minute, Method: "POST", Times: 1}, false, "unknown NOT_SEEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{sets: []string{"listen.shutdown_grace=50ms"}})
			w := p.given("store")
			p.must("GET", "stores/"+w.store+"/secrets", "")
			p.inject(tc.fault)
			answer := make(chan reply, 1)
			go func() {
				got, _ := p.try(context.Background(), "POST", "stores/"+w.store+"/secrets", strings.NewReader(newSecret), "Idempotency-Key: k", "X-Request-Id: cut")
				answer <- got
			}()
			sent := p.sent()
			p.await("the change arrives", func() bool { return p.sent() > sent })
			p.restart()
			if got := <-answer; got.status == http.StatusOK {
				t.Errorf("the call that was cut: %d %s", got.status, got.body)
			}
			p.settled()
			again := p.must("POST", "stores/"+w.store+"/secrets", newSecret, "Idempotency-Key: k")
			if replayed := again.header.Get("Idempotent-Replayed") == "true"; replayed != tc.replayed {
				t.Errorf("the repeat: %d %s %v", again.status, again.body, again.header)
			}
			if value, _ := p.cf.Value(accountID, w.store, "A"); value != "v1" {
				t.Errorf("the value is %q", value)
			}
			want, said := "intent, outcome "+tc.found, func() string {
				var records []string
				for _, r := range p.trail(t).of(p.trail(t).about("cut")[0].ID) {
					records = append(records, strings.TrimSpace(r.Kind+" "+r.Outcome+" "+r.Reason))
				}
				return strings.Join(records, ", ")
			}
			p.await("the trail says "+want, func() bool { return said() == want })
		})
	}
}

// Cloudflare shows no value, so the outcome of an update without an answer is
// unknown, unless the secret shows that nothing was changed.
func TestTheTrailSaysUnknownOfAnUpdateThatNobodyCanProve(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body  string
		made  bool
		found string
	}{
		"a value that was set":         {`{"value":"v2"}`, true, "unknown UNPROVEN"},
		"a value and scopes":           {`{"value":"v2","scopes":["access"]}`, true, "unknown UNPROVEN"},
		"a value that was not set":     {`{"value":"v2"}`, false, "unknown NOT_SEEN"},
		"a comment that was set":       {`{"comment":"c"}`, true, "succeeded RECOVERED"},
		"a comment that was not set":   {`{"comment":"c"}`, false, "unknown NOT_SEEN"},
		"scopes that were not changed": {`{"scopes":["access"]}`, false, "unknown NOT_SEEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{sets: []string{"listen.shutdown_grace=50ms"}})
			w := p.given("secret")
			p.inject(emulator.Fault{Kind: emulator.KindDelay, Delay: time.Minute, Method: "PATCH", Times: 1, AfterCommit: tc.made})
			sent := p.sent()
			answer := make(chan reply, 1)
			go func() {
				got, _ := p.try(context.Background(), "PATCH", "stores/"+w.store+"/secrets/"+w.secret, strings.NewReader(tc.body), "X-Request-Id: cut")
				answer <- got
			}()
			p.await("the change arrives", func() bool { return p.sent() > sent })
			p.restart()
			<-answer
			p.settled()
			p.await("the trail says "+tc.found, func() bool { return p.lastOutcome(t, "cut") == tc.found })
		})
	}
}

// lastOutcome returns the last outcome in the trail of a request's change.
func (p *program) lastOutcome(t *testing.T, request string) string {
	t.Helper()
	lines := p.trail(t)
	all := lines.of(lines.about(request)[0].ID)
	last := all[len(all)-1]
	return last.Outcome + " " + last.Reason
}

// of picks the records of one change.
func (l trailLines) of(id string) trailLines {
	var some trailLines
	for _, r := range l {
		if r.ID == id {
			some = append(some, r)
		}
	}
	return some
}

func TestTheStateHoldsNoValueAndNoKey(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	const key = "kEy-Of-The-Caller-4711"
	w := p.given("secret")
	p.must("POST", "stores/"+w.store+"/secrets", `[{"name":"A","value":"`+secretEnd+`","scopes":["dex"],"comment":"c"}]`, "Idempotency-Key: "+key)
	p.must("PATCH", "stores/"+w.store+"/secrets/"+w.secret, `{"value":"`+secretEnd+`"}`, "Idempotency-Key: "+key+"2")
	for _, name := range stateFiles(t, p.folder) {
		info, err := os.Stat(filepath.Join(p.folder, name))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		content, err := os.ReadFile(filepath.Join(p.folder, name))
		must(t, err)
		p.mustHideNothing(name, string(content))
		for form, text := range disguises(key) {
			if strings.Contains(string(content), text) {
				t.Errorf("%s holds the key %s", name, form)
			}
		}
	}
}
