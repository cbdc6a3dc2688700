package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/emulator"
)

// parrot is a Cloudflare that records received canaries and repeats a canary or
// the platform's token, in one way at a time.
type parrot struct {
	next http.Handler
	telling
	// held, if not nil, blocks calls until it is closed.
	held atomic.Pointer[chan struct{}]

	mu   sync.Mutex
	seen map[string]bool
}

func (p *parrot) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

func (p *parrot) wrap(next http.Handler) http.Handler {
	p.next = next
	return p
}

func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	heard := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	for i, canary := range canariesIn(body) {
		if i == 0 {
			heard = canary
		}
		p.mu.Lock()
		p.seen[canary] = true
		p.mu.Unlock()
	}
	if held := p.held.Load(); held != nil {
		<-*held
	}
	if way := p.strikes(r); way == nil || way.tell == nil || !way.tell(w, heard) {
		p.next.ServeHTTP(w, r)
	}
}

// canariesIn finds the canaries in a body of a change.
func canariesIn(body []byte) []string {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return nil
	}
	var found []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for _, item := range v {
				walk(item)
			}
		case string:
			found = append(found, canaryForm.FindAllString(v, -1)...)
		}
	}
	walk(value)
	return found
}

// aviary is a program in which every value is a canary.
type aviary struct {
	*door
	*canaries

	parrot *parrot
	// spans are the spans for an OTLP collector.
	spans  *keptSpans
	birds  forbidden
	secret string
	shown  []shown
	calls  int
}

func openAviary(t *testing.T) *aviary {
	t.Helper()
	a := &aviary{canaries: &canaries{}, parrot: &parrot{seen: map[string]bool{}}, birds: birds(), spans: &keptSpans{}}
	a.door = openDoor(t, setup{
		spans: a.spans,
		wrap:  a.parrot.wrap, emulator: emulator.Config{Accounts: []emulator.Account{{ID: accountID, SecretLimit: 1 << 20}}},
		sets: []string{manyCalls, anyPace, "budget.window=1s"},
	})
	made := a.cloudflare("POST", "/stores/"+a.door.store+"/secrets", `[{"name":"TAKEN","value":"old","scopes":["workers"]}]`)
	a.secret = identifier.FindStringSubmatch(made)[1]
	good := a.issuer.Token(doorAudience, doorSubject, nil)
	late := a.issuer.Token(doorAudience, doorSubject, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})
	a.birds.forbidToken("a token", good)
	a.birds.forbidToken("a refused token", late)
	a.birds.forbid("a refused key", "sk_refused-canary-key-Xw27")
	a.shown = []shown{
		bearer(doorKey), bearer(good), certified(a.authority.Sign(authntest.Leaf{URIs: []string{doorSPIFFE}})),
		{headers: []string{"X-Auth-Email: a@example.com", "X-Auth-Key: " + doorKey}}, bearer(late), bearer("sk_refused-canary-key-Xw27"),
	}
	return a
}

// caller picks the credential of the next call.
func (a *aviary) caller() shown {
	a.calls++
	return a.shown[a.calls%len(a.shown)]
}

// batch is a list of new secrets, each with a canary, as JSON.
func (a *aviary) batch(n int) string {
	var items []string
	for range n {
		items = append(items, fmt.Sprintf(`{"name":"C%d","value":%s,"scopes":["dex"]}`, a.made.Load(), a.quoted()))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (a *aviary) quoted() string {
	text, _ := json.Marshal(a.next()) // a string can always be written
	return string(text)
}

// good returns changes that reach Cloudflare, each with new canaries.
func (a *aviary) good() []attempt {
	where := `{"account_id":"main","store_id":"` + a.door.store + `",`
	secrets := "stores/" + a.door.store + "/secrets"
	change := `{"value":` + a.quoted() + `}`
	return []attempt{
		{rpc: "CreateSecrets", request: where + `"secrets":` + a.batch(30) + `}`, method: "POST", path: secrets, body: a.batch(30)},
		{
			rpc: "UpdateSecret", request: where + `"secret_id":"` + a.secret + `","value":` + a.quoted() + `}`,
			method: "PATCH", path: secrets + "/" + a.secret, body: change,
		},
	}
}

// bad are changes that are refused, here or by an honest Cloudflare. Over REST
// a body can be wrong in more ways.
func (a *aviary) bad() []attempt {
	where, secrets := `{"account_id":"main","store_id":"`+a.door.store+`",`, "stores/"+a.door.store+"/secrets"
	item := func(form string) string { return fmt.Sprintf("["+form+"]", a.quoted()) }
	list := []attempt{
		{rpc: "CreateSecrets", request: where + `"secrets":` + item(`{"name":"TAKEN","value":%s,"scopes":["dex"]}`) + `}`},
		{rpc: "CreateSecrets", request: where + `"secrets":` + item(`{"name":"a b","value":%s}`) + `}`},
		{rpc: "CreateSecrets", request: where + `"secrets":` + a.batch(101) + `}`},
		{rpc: "CreateSecrets", request: `{"account_id":"other","store_id":"x","secrets":` + a.batch(1) + `}`},
		{rpc: "UpdateSecret", request: where + `"secret_id":"` + a.secret + `","name":"OTHER","value":` + a.quoted() + `}`},
		{method: "PATCH", path: secrets + "/" + a.secret, body: `{"name":"OTHER","value":` + a.quoted() + `}`},
		{method: "POST", path: secrets + "/" + a.secret + "/duplicate", body: `{"name":"copy","scopes":["dex"],"value":` + a.quoted() + `}`},
		{method: "DELETE", path: secrets, body: `{"ids":["` + a.secret + `"],"value":` + a.quoted() + `}`},
		{method: "POST", path: "stores", body: `{"name":"s","value":` + a.quoted() + `}`},
		{method: "POST", path: "stores/" + noSuchID + "/secrets", body: a.batch(1)},
		{method: "PUT", path: secrets, body: a.batch(1)},
		{method: "POST", path: "/nowhere", body: a.batch(1)},
		{method: "POST", path: "/accounts/" + accountID + "/secrets_store/" + secrets, body: a.batch(1)},
	}
	long := strings.Repeat("x", 65536)
	for _, body := range []string{
		item(`{"name":"TAKEN","value":%s,"scopes":["dex"]}`), item(`{"name":"a b","value":%s,"scopes":[]}`), item(`{"name":"L","value":[%s],"scopes":["dex"]}`),
		item(`{"name":"L","value":{"v":%s},"scopes":["dex"]}`), item(`{"name":"L","values":%s,"scopes":["dex"]}`), item(`{"name":"L","value":"v","scopes":%s}`),
		item(`{"name":"L","value":%s,"value":1,"scopes":["dex"]}`), item(`%s`), a.quoted(), `{"value":` + a.quoted() + `}`, a.batch(101), a.batch(2) + a.batch(1),
		a.batch(2)[1:], a.batch(3)[:250], item(`{"name":"L","value":%s "scopes":["dex"]}`),
		`[{"name":"L","value":` + strings.TrimSuffix(a.quoted(), `"`) + long + `","scopes":["dex"]}]`, strings.ReplaceAll(item(`{"name":"L","value":%s}`), `\\`, `\u00`),
	} {
		list = append(list, attempt{method: "POST", path: secrets, body: body})
	}
	return list
}

// try makes attempts over their protocols, while Cloudflare repeats received
// values, and searches all answers.
func (a *aviary) try(t *testing.T, attempts []attempt, way gossipWay) {
	t.Helper()
	defer a.parrot.way.Store(nil)
	for _, one := range attempts {
		if one.method != "" {
			a.strike(t, way, one, 1)
			got, err := a.overREST(t, a.caller(), one, "canary")
			if err != nil {
				t.Fatalf("%s %s: %v", one.method, one.path, err)
			}
			a.search(t, one.method+" over REST, told "+way.name, fmt.Sprint(got.body, got.header))
		}
		if one.rpc != "" {
			// Also while a change is reconciled.
			a.strike(t, way, one, 2)
			got := a.overGRPC(t, a.caller(), one, "canary")
			failure := status.Convert(got.err)
			said := fmt.Sprint(got.err, got.headers(), got.answer, prototext.Format(failure.Proto()), failure.Details())
			a.search(t, one.rpc+" over gRPC, told "+way.name, said)
		}
	}
}

func (a *aviary) strike(t *testing.T, way gossipWay, one attempt, requests int32) {
	t.Helper()
	a.cf.ClearFaults()
	a.parrot.tell(&way, false, requests)
	a.in(t).inject(way.faults(false, one.method)...)
}

func TestNoCanaryLeaves(t *testing.T) {
	t.Parallel()
	a := openAviary(t)
	for _, way := range gossipWays() {
		good := a.good()
		if way.blocks {
			good = good[:1] // each takes its time
		}
		a.try(t, good, way)
	}
	a.try(t, a.bad(), gossipWay{name: "honestly"})
	a.whileCallsWait(t, func() { a.searchPages(t) })
	a.searchPages(t)
	a.searchTheRest(t)
	if n := len(a.parrot.seen); n < 1000 {
		t.Errorf("only %d canaries reached Cloudflare of %d that were sent", n, a.made.Load())
	}
	t.Logf("%d canaries were sent in %d calls, and %d reached Cloudflare", a.made.Load(), a.calls, len(a.parrot.seen))
}
