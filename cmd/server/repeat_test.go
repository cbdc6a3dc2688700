package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// newSecret is the body of a change that can be made once.
const newSecret = `[{"name":"A","value":"v1","scopes":["dex"]}]`

// doorman forwards reads and, while shut, blocks changes at a gate.
type doorman struct {
	*gate
	shut atomic.Bool
}

func newDoorman() *doorman { return &doorman{gate: newGate()} }

func (d *doorman) wrap(next http.Handler) http.Handler {
	d.next = next
	return d
}

func (d *doorman) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || !d.shut.Load() {
		d.next.ServeHTTP(w, r)
		return
	}
	d.gate.ServeHTTP(w, r)
}

// counted says how often something became of a change.
func (p *program) counted(event string) string {
	p.t.Helper()
	_, metrics := p.page("/metrics")
	for line := range strings.Lines(metrics) {
		if rest, found := strings.CutPrefix(line, `storekeeper_changes_total{event="`+event+`"} `); found {
			return strings.TrimSpace(rest)
		}
	}
	return "0"
}

// retried has the ways in which a client marks a retry.
var retried = map[string]struct {
	header string
	ctx    func(context.Context) context.Context
}{
	"a key": {"Idempotency-Key: k", func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "idempotency-key", "k")
	}},
	"the count of an SDK": {"X-Stainless-Retry-Count: 1", func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "grpc-previous-rpc-attempts", "1")
	}},
}

func TestARepeatJoinsTheChangeThatRuns(t *testing.T) {
	t.Parallel()
	for name, how := range retried {
		t.Run(name, func(t *testing.T) {
			g := newDoorman()
			p := start(t, setup{wrap: g.wrap})
			w := p.given("store")
			g.shut.Store(true)
			answers := make(chan reply, 2)
			ask := func(headers ...string) {
				got, _ := p.try(context.Background(), "POST", "stores/"+w.store+"/secrets", strings.NewReader(newSecret), headers...)
				answers <- got
			}
			first := how.header
			if !strings.HasPrefix(first, "Idempotency-Key") {
				first = "X-Stainless-Retry-Count: 0"
			}
			go ask(first)
			p.wait("the change arrives", g.arrived)
			go ask(how.header)
			overGRPC := make(chan ruling, 1)
			go func() { overGRPC <- p.send(how.ctx(context.Background()), "CreateSecrets", named(w.store, "v1")) }()
			p.await("both repeats wait", func() bool { return p.counted("joined") == "2" })
			close(g.open)
			one, other, third := <-answers, <-answers, <-overGRPC
			replays := one.header.Get("Idempotent-Replayed") + other.header.Get("Idempotent-Replayed")
			if one.status != http.StatusOK || one.body != other.body || replays != "true" {
				t.Errorf("%d %s %v\n%d %s %v", one.status, one.body, one.header, other.status, other.body, other.header)
			}
			if third.err != nil || first1(third, "idempotent-replayed") != "true" {
				t.Errorf("grpc: %v %v", third.err, third.headers())
			}
			if n := len(g.arrived); n != 0 {
				t.Errorf("%d more changes arrived", n)
			}
		})
	}
}

// named returns a request for one new secret, like newSecret over REST.
func named(store, value string) *secretsstorev1.CreateSecretsRequest {
	r := batchOf(store, 1, value)
	r.Secrets[0].Name = "A"
	return r
}

// Clients that know of no keys say how often they tried.
func TestARepeatOfAnSDKIsKnownWithoutAKey(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	secrets := "stores/" + w.store + "/secrets"
	first := p.must("POST", secrets, newSecret, "X-Stainless-Retry-Count: 0")
	again := p.do("POST", secrets, newSecret, "X-Stainless-Retry-Count: 1")
	if again.status != first.status || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("rest: %d %s %v", again.status, again.body, again.header)
	}
	over := p.send(metadata.AppendToOutgoingContext(context.Background(), "grpc-previous-rpc-attempts", "1"), "CreateSecrets", named(w.store, "v1"))
	if over.err != nil || first1(over, "idempotent-replayed") != "true" {
		t.Errorf("grpc: %v %v", over.err, over.headers())
	}
	for name, tc := range map[string]struct{ body, header, want string }{
		"the same without a count":      {newSecret, "X-Stainless-Retry-Count:", "1003 secret_name_already_exists: A"},
		"the same as a first try":       {newSecret, "X-Stainless-Retry-Count: 0", "1003 secret_name_already_exists: A"},
		"another value after a retry":   {strings.Replace(newSecret, "v1", "v2", 1), "X-Stainless-Retry-Count: 2", "1003 secret_name_already_exists: A"},
		"another comment after a retry": {strings.Replace(newSecret, `"v1"`, `"v1","comment":"c"`, 1), "X-Stainless-Retry-Count: 2", "1003 secret_name_already_exists: A"},
	} {
		if got := p.do("POST", secrets, tc.body, tc.header); len(got.Errors) != 1 || got.errors()[0] != tc.want || got.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: %d %s %v", name, got.status, got.body, got.header)
		}
	}
}

const otherKey = "sk_another-caller-Qx71mV5tB8"

// otherCaller is an entry of the configuration.
func otherCaller(name string) string {
	return fmt.Sprintf("  - {name: %s, sha256: %x}", name, sha256.Sum256([]byte(otherKey)))
}

func TestKeysOfTwoCallersAreApart(t *testing.T) {
	t.Parallel()
	p := start(t, setup{callers: otherCaller("team-search")})
	w := p.given("store")
	secrets, other := "stores/"+w.store+"/secrets", "Authorization: Bearer "+otherKey
	mine := p.must("POST", secrets, newSecret, "Idempotency-Key: k")
	// The same request of another caller is another change, and another request
	// is no misuse of the key.
	if got := p.do("POST", secrets, newSecret, "Idempotency-Key: k", other); len(got.Errors) != 1 || got.errors()[0] != "1003 secret_name_already_exists: A" {
		t.Errorf("the same request: %d %s", got.status, got.body)
	}
	theirs := p.must("POST", secrets, strings.Replace(newSecret, "A", "B", 1), "Idempotency-Key: k2", other)
	p.must("POST", secrets, strings.Replace(newSecret, "A", "C", 1), "Idempotency-Key: k2")
	for _, tc := range []struct {
		body, key, who string
		want           reply
	}{
		{newSecret, "k", "Authorization: Bearer " + callerKey, mine},
		{strings.Replace(newSecret, "A", "B", 1), "k2", other, theirs},
	} {
		if got := p.do("POST", secrets, tc.body, "Idempotency-Key: "+tc.key, tc.who); got.body != tc.want.body || got.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %s", tc.key, got.status, got.body)
		}
	}
	got := p.do("POST", secrets, newSecret, "X-Stainless-Retry-Count: 1", other)
	if got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another caller's change was joined: %s", got.body)
	}
}

// An idempotency key does not give its caller's rights to other callers.
func TestAReplayNeedsTheRightToTheChange(t *testing.T) {
	t.Parallel()
	p := start(t, setup{
		callers: otherCaller("team-search"),
		policy:  `rules: [{id: payments, actions: ["*"], when: 'principal.name == "` + callerName + `"'}]`,
	})
	w := p.given("store")
	secrets := "stores/" + w.store + "/secrets"
	p.must("POST", secrets, newSecret, "Idempotency-Key: k")
	got := p.do("POST", secrets, newSecret, "Idempotency-Key: k", "Authorization: Bearer "+otherKey)
	if got.status != http.StatusForbidden || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("rest: %d %s", got.status, got.body)
	}
	ctx := metadata.NewOutgoingContext(context.Background(), metadata.Pairs("authorization", "Bearer "+otherKey, "idempotency-key", "k"))
	m := methodNamed(t, "CreateSecrets")
	r := ruling{err: p.conn.Invoke(ctx, "/"+string(m.Parent().FullName())+"/CreateSecrets", named(w.store, "v1"), messageFor(t, m.Output()))}
	if r.takeApart(); r.code != codes.PermissionDenied {
		t.Errorf("grpc: %v", r.err)
	}
}
