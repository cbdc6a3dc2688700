package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
)

// secretValue differs in every encoding, except for its end, which no escaping
// changes.
const (
	secretValue = "N0t\"To<Be>&Seen\\é/+ " + secretEnd
	secretEnd   = "7f3a9cQv52Lk08Wd"
)

// disguises are the forms in which a secret could leave.
func disguises(secret string) map[string]string {
	quoted, _ := json.Marshal(secret) // a string can always be written
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(secret)
	forms := map[string]string{
		"as it is": secret, "in JSON": strings.Trim(plain.String(), "\"\n"), "in JSON for HTML": strings.Trim(string(quoted), `"`),
		"in a query": url.QueryEscape(secret), "in a path": url.PathEscape(secret), "in HTML": html.EscapeString(secret),
		"in Go": strings.Trim(strconv.Quote(secret), `"`), "in ASCII Go": strings.Trim(strconv.QuoteToASCII(secret), `"`),
		"in hex": hex.EncodeToString([]byte(secret)), "in capital hex": strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"as Go bytes": strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"), "in capitals": strings.ToUpper(secret), "in small letters": strings.ToLower(secret),
	}
	// Base64 depends on the preceding bytes, and at the ends on the neighbouring bytes.
	for shift := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
			text := e.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			forms[fmt.Sprintf("in %s after %d", name, shift)] = text[4 : len(text)-4]
		}
	}
	return forms
}

// secrets has the encodings of all values that must not leak, by description.
var secrets = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for what, secret := range map[string]string{"the value": secretValue, "the value's end": secretEnd, "the platform's token": platformToken, "the caller's key": callerKey} {
		for form, disguised := range disguises(secret) {
			all[what+" "+form] = disguised
		}
	}
	return all
})

// hides finds a secret in a text, and says in which form.
func hides(text string) (string, bool) {
	for what, secret := range secrets() {
		if strings.Contains(text, secret) {
			return what, true
		}
	}
	return "", false
}

func TestTheSearchFindsEveryDisguise(t *testing.T) {
	t.Parallel()
	for form, text := range disguises(secretValue) {
		if _, found := hides("before" + text + "after"); !found {
			t.Errorf("not found %s", form)
		}
	}
	for _, text := range []string{
		fmt.Sprintf("%q", secretValue), strconv.Quote(strconv.Quote(secretValue)), fmt.Sprintf("%x", "Basic me:"+callerKey), base64.StdEncoding.EncodeToString([]byte("me:" + callerKey)),
		fmt.Sprintf("%+v", struct{ v string }{platformToken}), url.Values{"v": {secretValue}}.Encode(),
	} {
		if _, found := hides(text); !found {
			t.Errorf("not found in %s", text)
		}
	}
}

// startGossip starts a program behind which Cloudflare gossips.
func startGossip(t *testing.T) (*program, *gossip) {
	t.Helper()
	g := &gossip{}
	return start(t, setup{
		wrap: func(next http.Handler) http.Handler { g.next = next; return g },
		sets: []string{askEachTime, manyCalls, anyPace},
	}), g
}

func TestNothingSecretLeaves(t *testing.T) {
	t.Parallel()
	p, g := startGossip(t)
	table := readParity(t)
	var exemplary []string
	for _, c := range table.examples() {
		exemplary = append(exemplary, c.Name)
	}
	for _, way := range gossipWays() {
		for _, c := range table.Cases {
			if !c.asksCloudflare(t) || !strings.Contains(c.GRPC, "$value") && way.name != "honestly" && !slices.Contains(exemplary, c.Name) {
				continue // one good case of each RPC is enough where no value is sent
			}
			if !way.blocks {
				// So that the circuit breaker of the account does not open.
				g.way.Store(nil)
				p.cf.ClearFaults()
				p.must("GET", "stores", "")
				p.gossiped(t, g, way, c, "grpc")
				p.gossiped(t, g, way, c, "rest")
			}
		}
	}
	if _, ok := p.cf.Value(accountID, noSuchID, "x"); ok || !p.heardSecrets(g) {
		t.Error("the emulator never got the value")
	}
	p.mustHideAll()
	if n := len(p.out.lines("call")); n < 1000 {
		t.Errorf("only %d calls", n)
	}
}

// After these faults no call is sent for some time, so each case has a separate program.
func TestNothingSecretLeavesWhenTheBudgetIsSpent(t *testing.T) {
	t.Parallel()
	for _, way := range gossipWays() {
		for _, c := range readParity(t).examples() {
			if !way.blocks || !c.asksCloudflare(t) {
				continue
			}
			for _, protocol := range []string{"grpc", "rest"} {
				p, g := startGossip(t)
				if failed := p.gossiped(t, g, way, c, protocol); !failed {
					t.Errorf("%s over %s succeeded, told %s", c.RPC, protocol, way.name)
				}
				p.mustHideNothing("the log", p.out.String())
				if c.RPC == "UpdateSecret" {
					p.mustHideAll()
				}
			}
		}
	}
}

// mustHideAll checks the output for operators, and the written files.
func (p *program) mustHideAll() {
	p.t.Helper()
	for _, page := range []string{
		"/metrics", "/readyz", "/livez", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1", "/debug/pprof/threadcreate?debug=1", "/nope",
	} {
		_, body := p.page(page)
		p.mustHideNothing(page, body)
	}
	p.mustHideNothing("the log", p.out.String())
	p.mustHideNothing("the errors", p.err.String())
	for _, name := range append(stateFiles(p.t, p.folder), "audit.log") {
		content, err := os.ReadFile(filepath.Join(p.folder, name))
		if err != nil || len(content) == 0 {
			p.t.Errorf("%s is of %d bytes: %v", name, len(content), err)
		}
		p.mustHideNothing(name, string(content))
	}
}

// gossiped runs a case while Cloudflare gossips, and checks the whole answer.
// It reports whether the call failed.
func (p *program) gossiped(t *testing.T, g *gossip, way gossipWay, c parityCase, protocol string) (failed bool) {
	t.Helper()
	g.way.Store(nil)
	w := p.given(c.Given)
	quoted, _ := json.Marshal(secretValue)
	w.value = strings.Trim(string(quoted), `"`)
	reads := c.reads(t)
	method, _, _ := strings.Cut(c.REST, " ")
	g.tell(&way, reads, 1)
	p.inject(way.faults(reads, method)...)
	where := c.RPC + " over " + protocol + ", told " + way.name
	if protocol == "rest" {
		got := p.overREST(c, w)
		p.mustHideNothing(where, fmt.Sprint(got.body, got.header))
		return !got.Success
	}
	got := p.overGRPC(c, w)
	p.mustHideNothing(where, fmt.Sprint(got.err, got.headers(), prototext.Format(status.Convert(got.err).Proto()), got.answer))
	for _, detail := range status.Convert(got.err).Details() {
		p.mustHideNothing(where, fmt.Sprint(detail))
	}
	return got.err != nil
}

func (p *program) mustHideNothing(where, text string) {
	p.t.Helper()
	if what, found := hides(text); found {
		p.t.Errorf("%s holds %s", where, what)
	}
}

// heardSecrets reports whether Cloudflare was sent the value and the token.
func (p *program) heardSecrets(g *gossip) bool {
	g.way.Store(nil)
	p.cf.Reset()
	w := p.given("store")
	p.must("POST", "stores/"+w.store+"/secrets", `[{"name":"A","value":`+strconv.Quote(secretValue)+`,"scopes":["dex"]}]`)
	value, _ := p.cf.Value(accountID, w.store, "A")
	asked := p.cf.Requests()
	return value == secretValue && asked[len(asked)-1].Header.Get("Authorization") == "Bearer "+platformToken
}
