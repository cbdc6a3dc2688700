package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	"platform.internal/storekeeper/internal/emulator"
)

// secretValue reads differently in every encoding, but for its end, which is
// found however often it was escaped.
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
	// Base64 depends on what stands before; the ends depend on what is around.
	for shift := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
			text := e.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			forms[fmt.Sprintf("in %s after %d", name, shift)] = text[4 : len(text)-4]
		}
	}
	return forms
}

// secrets are the forms of all that must not leave, by what they are.
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

// gossip is a Cloudflare that repeats what it was sent, in one way at a time.
type gossip struct {
	next http.Handler
	way  atomic.Pointer[gossipWay]
}

// gossipWay answers with a text that must not get out; false leaves the answer
// to the honest Cloudflare.
type gossipWay struct {
	name  string
	fault emulator.Fault
	tell  func(w http.ResponseWriter, secret string) bool
}

func (g *gossip) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	heard := secretValue
	if !bytes.Contains(body, []byte("N0t")) {
		heard = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	if way := g.way.Load(); way == nil || way.tell == nil || !way.tell(w, heard) {
		g.next.ServeHTTP(w, r)
	}
}

// envelopeWith is a failure that says a text in every place there is.
func envelopeWith(code int, message string) string {
	item := map[string]any{"code": code, "message": message, "documentation_url": "https://x/" + message, "source": map[string]string{"pointer": "/" + message}}
	b, _ := json.Marshal(map[string]any{"success": false, "result": message, "errors": []any{item, message}, "messages": []any{item, message}})
	return string(b)
}

func answerWith(status, code int, message func(string) string) func(http.ResponseWriter, string) bool {
	return func(w http.ResponseWriter, secret string) bool {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, envelopeWith(code, message(secret)))
		return true
	}
}

func gossipWays() []gossipWay {
	itself := func(s string) string { return s }
	ways := []gossipWay{
		{name: "honestly"},
		{name: "as an honest answer with headers", tell: func(w http.ResponseWriter, secret string) bool {
			for _, name := range []string{"X-Secret", "Set-Cookie", "Ratelimit", "Cf-Cache-Status", "Content-Language"} {
				w.Header().Set(name, url.QueryEscape(secret)+platformToken)
			}
			return false
		}},
		{name: "as a notice of a success", tell: func(w http.ResponseWriter, secret string) bool {
			b, _ := json.Marshal("got " + secret)
			_, _ = fmt.Fprintf(w, `{"success":true,"result":null,"errors":[],"messages":[{"code":1000,"message":%s,"documentation_url":%s,"source":{"pointer":%s}}]}`, b, b, b)
			return true
		}},
		{name: "as a ray and a media type", tell: func(w http.ResponseWriter, secret string) bool {
			w.Header().Set("Cf-Ray", platformToken)
			w.Header().Set("Content-Type", "text/"+platformToken)
			w.Header().Set("Retry-After", platformToken)
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html>"+html.EscapeString(secret))
			return true
		}},
		{name: "as half an answer", tell: func(w http.ResponseWriter, secret string) bool {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, `{"success":true,"result":"`+secret)
			return true
		}},
		{name: "as no HTTP", tell: func(w http.ResponseWriter, secret string) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = fmt.Fprintf(conn, "%s %s\r\n\r\n", secret, platformToken)
				_ = conn.Close()
			}
			return true
		}},
		{name: "as a bad header", tell: func(w http.ResponseWriter, secret string) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s %s\r\nContent-Length: %s\r\n\r\n", secret, platformToken, secret)
				_ = conn.Close()
			}
			return true
		}},
		{name: "as a name that is taken", tell: answerWith(400, 1003, func(s string) string { return "secret_name_already_exists: " + s })},
		{name: "as a limit", tell: answerWith(400, 1003, func(s string) string { return "maximum_secrets_exceeded: max " + s })},
		{name: "as a word", tell: answerWith(400, 1001, func(s string) string { return strings.ToLower(s) + "_empty" })},
		{name: "as a text in JSON", tell: answerWith(400, 1001, func(s string) string { b, _ := json.Marshal(s); return string(b) })},
		{name: "as a budget", tell: answerWith(429, 971, itself)},
	}
	for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 500, 520} {
		ways = append(ways, gossipWay{name: "with status " + strconv.Itoa(status), tell: answerWith(status, 1001, itself)})
	}
	for _, f := range []emulator.Fault{
		{Kind: emulator.KindEchoCredential, Status: 401}, {Kind: emulator.KindEchoCredential, Status: 403}, {Kind: emulator.KindEchoCredential, Status: 500},
		{Kind: emulator.KindRateLimit}, {Kind: emulator.KindCut}, {Kind: emulator.KindCut, AfterCommit: true}, {Kind: emulator.KindTruncate},
		{Kind: emulator.KindCutMidBody}, {Kind: emulator.KindContentType}, {Kind: emulator.KindSuccessFalse},
	} {
		ways = append(ways, gossipWay{name: fmt.Sprintf("by the fault %s %d", f.Kind, f.Status), fault: f})
	}
	return ways
}

func TestNothingSecretLeaves(t *testing.T) {
	t.Parallel()
	g := &gossip{}
	p := start(t, setup{wrap: func(next http.Handler) http.Handler { g.next = next; return g }})
	cases := readParity(t).Cases
	for _, way := range gossipWays() {
		for _, c := range cases {
			if !c.asksCloudflare(t) || !strings.Contains(c.GRPC, "$value") && way.name != "honestly" && c.Want.Code != "" {
				continue // one good case of each RPC is enough where no value is sent
			}
			p.gossiped(g, way, c)
		}
	}
	if _, ok := p.cf.Value(accountID, noSuchID, "x"); ok || !p.heardSecrets() {
		t.Error("the emulator never got the value")
	}
	for _, page := range []string{
		"/metrics", "/readyz", "/livez", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1", "/debug/pprof/threadcreate?debug=1", "/nope",
	} {
		_, body := p.page(page)
		p.mustHideNothing(page, body)
	}
	p.mustHideNothing("the log", p.out.String())
	p.mustHideNothing("the errors", p.err.String())
	trail, err := os.ReadFile(filepath.Join(p.folder, "audit.log"))
	if err != nil || len(trail) == 0 {
		t.Errorf("the audit trail is of %d bytes: %v", len(trail), err)
	}
	p.mustHideNothing("the audit trail", string(trail))
	if n := len(p.out.lines("call")); n < 1000 {
		t.Errorf("only %d calls", n)
	}
}

// gossiped runs a case over both protocols while Cloudflare gossips, and looks
// at all that comes back.
func (p *program) gossiped(g *gossip, way gossipWay, c parityCase) {
	p.t.Helper()
	for _, protocol := range []string{"grpc", "rest"} {
		g.way.Store(nil)
		w := p.given(c.Given)
		quoted, _ := json.Marshal(secretValue)
		w.value = strings.Trim(string(quoted), `"`)
		g.way.Store(&way)
		if way.fault.Kind != "" {
			p.inject(way.fault)
		}
		where := c.RPC + " over " + protocol + ", told " + way.name
		if protocol == "grpc" {
			got := p.overGRPC(c, w)
			p.mustHideNothing(where, fmt.Sprint(got.err, got.headers(), prototext.Format(status.Convert(got.err).Proto()), got.answer))
			for _, detail := range status.Convert(got.err).Details() {
				p.mustHideNothing(where, fmt.Sprint(detail))
			}
			continue
		}
		got := p.overREST(c, w)
		p.mustHideNothing(where, fmt.Sprint(got.body, got.header))
	}
}

func (p *program) mustHideNothing(where, text string) {
	p.t.Helper()
	if what, found := hides(text); found {
		p.t.Errorf("%s holds %s", where, what)
	}
}

// heardSecrets says whether Cloudflare was sent the value and the token.
func (p *program) heardSecrets() bool {
	p.cf.Reset()
	w := p.given("store")
	p.must("POST", "stores/"+w.store+"/secrets", `[{"name":"A","value":`+strconv.Quote(secretValue)+`,"scopes":["dex"]}]`)
	value, _ := p.cf.Value(accountID, w.store, "A")
	asked := p.cf.Requests()
	return value == secretValue && asked[len(asked)-1].Header.Get("Authorization") == "Bearer "+platformToken
}
