package clients_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"platform.internal/storekeeper/test/clients/gov6"
	"platform.internal/storekeeper/test/clients/gov7"
	"platform.internal/storekeeper/test/clients/script"
	"platform.internal/storekeeper/test/clients/side"
)

// atOnce is how many Storekeepers are killed at the same time. More would wait
// for each other's starts.
const atOnce = 8

// misfortune is the fault of the first change of a client.
type misfortune struct {
	name string
	loss loss
	// fault is the fault of the emulator, as JSON for its control endpoint.
	fault string
	// passed is how many creates must reach Cloudflare.
	passed int
}

// misfortunes are all that can happen to a change.
var misfortunes = []misfortune{
	{name: "killed before it reads the request", loss: lostOnTheWay, passed: 1},
	{name: "killed as its request to Cloudflare leaves", loss: lostSending, passed: 1},
	{name: "killed once Cloudflare made the change", loss: lostMade, passed: 1},
	{name: "killed as its reply leaves", loss: lostReplying, passed: 1},
	{name: "its reply is lost", loss: lostReply, passed: 1},
	// The only fault after which the change must be sent again.
	{name: "cut before Cloudflare made the change", fault: `{"kind":"cut","method":"POST","times":1}`, passed: 2},
	{name: "cut once Cloudflare made the change", fault: `{"kind":"cut","method":"POST","times":1,"after_commit":true}`, passed: 1},
	{
		name:  "a page in place of Cloudflare's answer",
		fault: `{"kind":"status","method":"POST","times":1,"after_commit":true,"status":520,"content_type":"text/html"}`, passed: 1,
	},
	{name: "half of Cloudflare's answer", fault: `{"kind":"truncate","method":"POST","times":1}`, passed: 1},
}

// sdk is a version of the library with its own retries.
type sdk struct {
	name string
	new  func(base, token string) script.Client
}

var sdks = []sdk{
	{"cloudflare-go 6", func(base, token string) script.Client { return gov6.New(base, token, true) }},
	{"cloudflare-go 7", func(base, token string) script.Client { return gov7.New(base, token, true) }},
}

// TestAnSDKMakesAChangeOnceWhateverIsLost has a real library create a secret,
// while Storekeeper is killed or an answer is lost.
func TestAnSDKMakesAChangeOnceWhateverIsLost(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	begin := func(name string, body func(*testing.T)) {
		// Not t.Parallel, which runs one test per core: these tests mostly wait.
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			t.Run(name, body)
		})
	}
	for _, s := range sdks {
		for _, m := range misfortunes {
			begin(s.name+", "+m.name, func(t *testing.T) { newVoyage(t, s, m).createsOnce() })
		}
	}
	// Version 6 waits two seconds before each repeat, which adds up.
	last := sdks[len(sdks)-1]
	begin(last.name+", and every change", func(t *testing.T) {
		newVoyage(t, last, misfortune{}).losesEvery()
	})
	all.Wait()
}

// voyage is a client, Storekeeper, and a Cloudflare, with a strait before and
// behind Storekeeper.
type voyage struct {
	t                 *testing.T
	misfortune        misfortune
	emulator          side.Side
	front, behind     *strait
	fate              *fate
	storekeeper       *side.Mortal
	client            script.Client
	store             string
	cloudflare        *http.Client
	cloudflareAccount string
}

func newVoyage(t *testing.T, s sdk, m misfortune) *voyage {
	t.Helper()
	v := &voyage{t: t, misfortune: m, fate: &fate{}, emulator: program.Emulator(t, roomy, cloudToken)}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	v.cloudflare = &http.Client{Transport: transport}
	v.cloudflareAccount = v.emulator.Root + "/client/v4/accounts/" + side.Account + "/secrets_store/"
	v.behind = &strait{fate: v.fate, before: []loss{lostSending}, after: []loss{lostMade}}
	v.behind.target = func(context.Context) string { return strings.TrimPrefix(v.emulator.Root, "http://") }
	v.behind.start(t)
	v.storekeeper = program.Mortal(t, v.configure())
	v.fate.kill = v.storekeeper.Kill
	v.front = &strait{fate: v.fate, before: []loss{lostOnTheWay}, after: []loss{lostReplying, lostReply}, target: v.storekeeper.Address}
	v.front.start(t)
	v.client = s.new(v.front.url+"/client/v4/", teamKey)
	v.store = v.made("store", v.ask(http.MethodPost, v.cloudflareAccount+"stores", `{"name":"default"}`))
	return v
}

func (v *voyage) configure() string {
	v.t.Helper()
	folder := v.t.TempDir()
	for name, text := range map[string]string{
		"token":       cloudToken,
		"policy.yaml": `rules: [{id: all, actions: ["*"], when: "true"}]`,
		"config.yaml": fmt.Sprintf(`
accounts:
  - {id: %s, name: main, base_url: %s/client/v4, credential: {api_token_file: token}}
callers:
  api_keys:
  - {name: team, sha256: %x}
policy: {file: policy.yaml}
audit: {sink: file, file: audit.log}
`, side.Account, v.behind.url, sha256.Sum256([]byte(teamKey))),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			v.t.Fatal(err)
		}
	}
	return filepath.Join(folder, "config.yaml")
}

// befall orders a misfortune.
func (v *voyage) befall(m misfortune) {
	v.t.Helper()
	v.fate.mu.Lock()
	v.fate.left = m.loss
	v.fate.mu.Unlock()
	if m.fault != "" {
		v.ask(http.MethodPost, v.emulator.Root+"/__emulator/faults", m.fault)
	}
}

// createsOnce creates a secret.
func (v *voyage) createsOnce() {
	v.t.Helper()
	v.befall(v.misfortune)
	id := v.made("secret", v.do(script.Call{Op: script.CreateSecrets, Store: v.store, Items: []script.Fields{secret("once")}}))
	if n := v.behind.requests(http.MethodPost); n != v.misfortune.passed {
		v.t.Errorf("%d creates reached Cloudflare, and not %d", n, v.misfortune.passed)
	}
	v.mustHave("stores/"+v.store+"/secrets", map[string]string{"once": id})
}

// losesEvery makes all seven changes. Storekeeper is killed after Cloudflare
// has made each change.
func (v *voyage) losesEvery() {
	v.t.Helper()
	lost := func(c script.Call) []byte {
		v.befall(misfortune{loss: lostMade})
		return v.do(c)
	}
	name := "second"
	second := v.made("store", lost(script.Call{Op: script.CreateStore, Fields: script.Fields{Name: &name}}))
	v.mustHave("stores", map[string]string{"default": v.store, "second": second})
	first := v.made("secret", lost(script.Call{Op: script.CreateSecrets, Store: v.store, Items: []script.Fields{secret("first")}}))
	lost(script.Call{Op: script.EditSecret, Store: v.store, Secret: first, Fields: script.Fields{Value: &name}})
	twin := v.made("secret", lost(script.Call{Op: script.DuplicateSecret, Store: v.store, Secret: first, Fields: script.Fields{Name: new("twin"), Scopes: []string{"workers"}}}))
	v.mustHave("stores/"+v.store+"/secrets", map[string]string{"first": first, "twin": twin})
	lost(script.Call{Op: script.DeleteSecret, Store: v.store, Secret: first})
	lost(script.Call{Op: script.DeleteSecrets, Store: v.store, IDs: []string{twin}})
	v.mustHave("stores/"+v.store+"/secrets", map[string]string{})
	lost(script.Call{Op: script.DeleteStore, Store: second})
	v.mustHave("stores", map[string]string{"default": v.store})
	// A value cannot be seen, so that an update may be sent again.
	for method, want := range map[string]int{http.MethodPost: 3, http.MethodDelete: 3} {
		if n := v.behind.requests(method); n != want {
			v.t.Errorf("%d requests %s reached Cloudflare, and not %d", n, method, want)
		}
	}
}

func secret(name string) script.Fields {
	return script.Fields{Name: &name, Value: new("a value"), Scopes: []string{"workers"}}
}

// do makes a call that must succeed.
func (v *voyage) do(c script.Call) []byte {
	v.t.Helper()
	c.Account = side.Account
	seen, err := v.client.Do(v.t.Context(), c)
	if err != nil || strings.Contains(string(seen), `"error":`) {
		v.t.Fatalf("%s: %v %s\n%s", c.Op, err, seen, v.storekeeper.Log())
	}
	return seen
}

// made returns the identifier of the created object.
func (v *voyage) made(what string, answer []byte) string {
	v.t.Helper()
	var one struct{ Result struct{ ID string } }
	var several struct{ Result []struct{ ID string } }
	if err := json.Unmarshal(answer, &one); err != nil {
		if err := json.Unmarshal(answer, &several); err == nil && len(several.Result) == 1 {
			one.Result = several.Result[0]
		}
	}
	if one.Result.ID == "" {
		v.t.Fatalf("no %s in %s", what, answer)
	}
	return one.Result.ID
}

// mustHave compares Cloudflare's objects, by name, with the wanted objects.
func (v *voyage) mustHave(path string, want map[string]string) {
	v.t.Helper()
	var list struct {
		Result []struct{ ID, Name string }
	}
	text := v.ask(http.MethodGet, v.cloudflareAccount+path, "")
	if err := json.Unmarshal(text, &list); err != nil {
		v.t.Fatal(err)
	}
	if len(list.Result) != len(want) {
		v.t.Errorf("Cloudflare has %d, and not %d, of %s: %s", len(list.Result), len(want), path, text)
	}
	for _, o := range list.Result {
		if want[o.Name] != o.ID {
			v.t.Errorf("%s is %s, and the client was told %q", o.Name, o.ID, want[o.Name])
		}
	}
}

// ask speaks to the emulator itself.
func (v *voyage) ask(method, url, body string) []byte {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+cloudToken)
	answer, err := v.cloudflare.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusMultipleChoices {
		v.t.Fatalf("%s %s: %v %d %s", method, url, err, answer.StatusCode, said)
	}
	return said
}
