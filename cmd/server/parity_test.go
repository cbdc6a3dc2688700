package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/descriptorpb"

	"platform.internal/storekeeper/internal/emulator"
)

// parity is testdata/parity.yaml, whose comments describe the fields.
type parity struct {
	Cases  []parityCase
	Faults []parityFault
}

type parityCase struct {
	Name, RPC, Given string
	GRPC, REST, Body string
	Want             verdict
}

type parityFault struct {
	Name         string
	Fault        map[string]any
	Slow         bool
	Read, Change *verdict
	Then         *verdict
}

// verdict is the wanted result of a call over both protocols.
type verdict struct {
	Code, Reason, Detail string
	Fields               []string
	Status               int
	Errors, Messages     []string
	Retry                int
	Final                bool
	Result, Info         string
}

func readParity(t *testing.T) parity {
	t.Helper()
	content, err := os.ReadFile("testdata/parity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var p parity
	if err := decoder.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// examples returns the first case of each RPC, which succeeds.
func (p parity) examples() []parityCase {
	var firsts []parityCase
	for _, c := range p.Cases {
		if !slices.ContainsFunc(firsts, func(f parityCase) bool { return f.RPC == c.RPC }) {
			firsts = append(firsts, c)
		}
	}
	return firsts
}

// asksCloudflare reports whether an RPC belongs to SecretsStoreService.
func (c parityCase) asksCloudflare(t *testing.T) bool {
	t.Helper()
	return methodNamed(t, c.RPC).Parent().Name() == "SecretsStoreService"
}

func (c parityCase) reads(t *testing.T) bool {
	t.Helper()
	options, _ := methodNamed(t, c.RPC).Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

// world has the objects of the account before a case.
type world struct{ store, secret, value string }

// given makes the world that a case asks for.
func (p *program) given(what string) world {
	p.t.Helper()
	p.cf.Reset()
	w := world{store: noSuchID, secret: noSuchID, value: "v1"}
	if what == "nothing" {
		return w
	}
	w.store = identifier.FindStringSubmatch(p.cloudflare("POST", "/stores", `{"name":"s"}`))[1]
	if what == "store" {
		return w
	}
	secrets := "/stores/" + w.store + "/secrets"
	w.secret = identifier.FindStringSubmatch(p.cloudflare("POST", secrets, `[{"name":"taken","value":"old","scopes":["workers"]}]`))[1]
	if what == "full" {
		p.cloudflare("POST", secrets, `[{"name":"more-1","value":"old","scopes":["dex"],"comment":"two words"},{"name":"more-2","value":"old","scopes":["dex"]}]`)
	}
	return w
}

// fill puts the world into a text of a case.
func (w world) fill(text string) string {
	return strings.NewReplacer("$account", accountID, "$store", w.store, "$secret", w.secret, "$none", noSuchID, "$value", w.value,
		"$a256", strings.Repeat("a", 256), "$a257", strings.Repeat("a", 257), "$long", strings.Repeat("x", 65537)).Replace(text)
}

func (p *program) overGRPC(c parityCase, w world) ruling {
	p.t.Helper()
	return p.call(context.Background(), c.RPC, w.fill(c.GRPC))
}

func (p *program) overREST(c parityCase, w world) reply {
	p.t.Helper()
	method, path, _ := strings.Cut(w.fill(c.REST), " ")
	return p.do(method, path, w.fill(c.Body))
}

// hold runs a case over both protocols and checks the verdict. Before each run,
// learn may fill the cache.
func (p *program) hold(t *testing.T, c parityCase, learn func(world)) {
	t.Helper()
	w := p.given(c.Given)
	learn(w)
	c.Want.holdGRPC(t, w, p.overGRPC(c, w))
	w = p.given(c.Given)
	learn(w)
	c.Want.holdREST(t, w, p.overREST(c, w))
}

func TestEveryRPCAnswersTheSameOverBothProtocols(t *testing.T) {
	t.Parallel()
	limits := emulator.Config{Accounts: []emulator.Account{{ID: accountID, SecretLimit: 3}}}
	p := start(t, setup{emulator: limits, sets: []string{askEachTime, manyCalls, anyPace}})
	for _, c := range readParity(t).Cases {
		t.Run(c.RPC+"/"+c.Name, func(t *testing.T) { p.in(t).hold(t, c, func(world) {}) })
	}
}

// Cached answers equal Cloudflare's answers.
func TestEveryRPCAnswersTheSameOfWhatIsKept(t *testing.T) {
	t.Parallel()
	limits := emulator.Config{Accounts: []emulator.Account{{ID: accountID, SecretLimit: 3}}}
	p := start(t, setup{emulator: limits, sets: []string{manyCalls, anyPace}})
	for _, c := range readParity(t).Cases {
		t.Run(c.RPC+"/"+c.Name, func(t *testing.T) {
			p, asked := p.in(t), 0
			p.hold(t, c, func(w world) {
				p.learn(w)
				asked = len(p.cf.Requests())
			})
			// A search with unknown rules is sent to Cloudflare.
			if c.reads(t) && c.Want.Code == "" && c.asksCloudflare(t) && len(p.cf.Requests()) > asked && !strings.Contains(c.REST, "search=") {
				t.Errorf("Cloudflare was asked: %v", p.cf.Requests()[asked:])
			}
		})
	}
}

// learn lets the program read all objects, since the world was changed directly
// at Cloudflare.
func (p *program) learn(w world) {
	p.t.Helper()
	p.must("GET", "stores", "", "Cache-Control: no-cache")
	if w.store != noSuchID {
		p.must("GET", "stores/"+w.store+"/secrets", "", "Cache-Control: no-cache")
	}
	p.must("GET", "quota", "", "Cache-Control: no-cache")
}

func TestEveryRPCNeedsAGoodCredential(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for _, c := range readParity(t).examples() {
		t.Run(c.RPC, func(t *testing.T) {
			p := p.in(t)
			name := methodNamed(t, c.RPC)
			err := p.conn.Invoke(t.Context(), "/"+string(name.Parent().FullName())+"/"+c.RPC, messageFor(t, name.Input()), messageFor(t, name.Output()))
			got := ruling{err: err}
			got.takeApart()
			if got.code != codes.Unauthenticated || got.info.GetReason() != "CREDENTIAL_MISSING" {
				t.Errorf("grpc: %v", err)
			}
			method, path, _ := strings.Cut(world{store: noSuchID, secret: noSuchID}.fill(c.REST), " ")
			answer := p.do(method, path, c.Body, "Authorization: ")
			if answer.status != http.StatusUnauthorized || len(answer.errors()) != 1 { // its code is checked like its form
				t.Errorf("rest: %d %s", answer.status, answer.body)
			}
		})
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

func TestIdentityDoesNotNeedCloudflare(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	p.inject(emulator.Fault{Kind: emulator.KindCut})
	for _, c := range readParity(t).examples() {
		if !c.asksCloudflare(t) {
			c.Want.holdGRPC(t, world{}, p.overGRPC(c, world{}))
			c.Want.holdREST(t, world{}, p.overREST(c, world{}))
		}
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}
