package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

// forms are requests over REST or gRPC that ask for the same in other words, and
// some that ask for something else.
var forms = []struct {
	name string
	// method and path for REST, rpc for gRPC.
	method, path, rpc string
	same, other       []string
	// grpcSame are further forms over gRPC.
	grpcSame, grpcOther []string
}{
	{
		name: "create secrets", method: "POST", path: "stores/$store/secrets", rpc: "CreateSecrets",
		same: []string{
			`[{"name":"N","value":"v","scopes":["dex","access"]}]`,
			`[{"name":"N","value":"v","scopes":["access","dex"]}]`,
			`[{"name":"N","value":"v","scopes":["access","dex","access"]}]`,
			`[ {"scopes":["dex","access"], "value":"v", "name":"N"} ]`,
		},
		other: []string{
			`[{"name":"N","value":"v","scopes":["dex"]}]`,
			`[{"name":"N","value":"v","scopes":["dex","access"],"comment":""}]`,
			`[{"name":"N","value":"w","scopes":["dex","access"]}]`,
		},
		grpcSame: []string{
			`{"account_id":"main","store_id":"$store","secrets":[{"name":"N","value":"v","scopes":["access","dex"]}]}`,
			`{"account_id":"$account","store_id":"$store","secrets":[{"name":"N","value":"v","scopes":["dex","access","dex"]}]}`,
		},
	},
	{
		name: "update of scopes", method: "PATCH", path: "stores/$store/secrets/$secret", rpc: "UpdateSecret",
		same: []string{
			`{"value":"v","scopes":["dex","access"]}`,
			`{"scopes":["access","dex","dex"],"value":"v"}`,
			`{"value":"v","scopes":["dex","access"],"name":"taken"}`,
		},
		other: []string{
			`{"value":"v","scopes":["dex","access"],"name":"another"}`,
			`{"value":"v"}`, `{"value":"v","scopes":["dex","access"],"comment":null}`,
		},
		grpcSame: []string{
			`{"account_id":"main","store_id":"$store","secret_id":"$secret","value":"v","scopes":["access","dex"]}`,
			`{"account_id":"main","store_id":"$store","secret_id":"$secret","value":"v","scopes":["access","dex"],"update_mask":"value,scopes"}`,
			`{"account_id":"main","store_id":"$store","secret_id":"$secret","value":"v","scopes":["access","dex"],"update_mask":"scopes,value,scopes"}`,
			`{"account_id":"main","store_id":"$store","secret_id":"$secret","value":"v","scopes":["access","dex"],"comment":"not asked for","update_mask":"scopes,value"}`,
		},
		grpcOther: []string{
			`{"account_id":"main","store_id":"$store","secret_id":"$secret","value":"v","scopes":["access","dex"],"update_mask":"scopes"}`,
		},
	},
	{
		name: "delete of many", method: "DELETE", path: "stores/$store/secrets", rpc: "DeleteSecrets",
		same: []string{
			`{"ids":["$secret","$second"]}`, `{"ids":["$second","$secret"]}`, `{"ids":["$second","$secret","$secret"]}`, `[{"id":"$second"},{"id":"$secret"}]`,
		},
		other:    []string{`{"ids":["$secret"]}`},
		grpcSame: []string{`{"account_id":"main","store_id":"$store","ids":["$second","$secret"]}`},
	},
	{
		name: "copy", method: "POST", path: "stores/$store/secrets/$secret/duplicate", rpc: "DuplicateSecret",
		same:     []string{`{"name":"C","scopes":["dex","access"]}`, `{"scopes":["access","dex","dex"],"name":"C"}`},
		other:    []string{`{"name":"C","scopes":["access"]}`, `{"name":"C","scopes":["dex","access"],"comment":""}`},
		grpcSame: []string{`{"account_id":"main","store_id":"$store","secret_id":"$secret","name":"C","scopes":["access","dex"]}`},
	},
	{
		name: "delete of a store", method: "DELETE", path: "stores/$empty?force=false", rpc: "DeleteStore",
		same:      []string{``},
		grpcSame:  []string{`{"account_id":"main","store_id":"$empty"}`, `{"account_id":"main","store_id":"$empty","force":false}`},
		grpcOther: []string{`{"account_id":"main","store_id":"$empty","force":true}`},
	},
	{
		name: "create store", method: "POST", path: "stores", rpc: "CreateStore",
		same: []string{`{"name":"n"}`}, other: []string{`{"name":"m"}`},
		grpcSame: []string{`{"account_id":"main","name":"n"}`},
	},
}

func TestARequestInAnotherFormIsTheSameChange(t *testing.T) {
	t.Parallel()
	for _, tc := range forms {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{emulator: wide})
			w := p.given("full")
			fill := func(text string) string {
				return strings.ReplaceAll(strings.ReplaceAll(w.fill(text), "$second", p.idOf(w.store, "more-1")), "$empty", p.storeNamed("empty"))
			}
			p.cloudflare("POST", "/stores", `{"name":"empty"}`)
			// Names are filled in while the objects exist.
			path, same, other := fill(tc.path), fillAll(tc.same, fill), fillAll(tc.other, fill)
			grpcSame, grpcOther := fillAll(tc.grpcSame, fill), fillAll(tc.grpcOther, fill)
			first := p.must(tc.method, path, same[0], "Idempotency-Key: k")
			before := p.sent()
			for _, body := range same {
				if got := p.do(tc.method, path, body, "Idempotency-Key: k"); got.body != first.body || got.header.Get("Idempotent-Replayed") != "true" {
					t.Errorf("%s: %d %s", body, got.status, got.body)
				}
			}
			for _, request := range grpcSame {
				if got := p.call(withKey("k"), tc.rpc, request); got.err != nil || first1(got, "idempotent-replayed") != "true" {
					t.Errorf("grpc: %s: %v", request, got.err)
				}
			}
			for _, body := range other {
				if got := p.do(tc.method, path, body, "Idempotency-Key: k"); got.status != http.StatusUnprocessableEntity {
					t.Errorf("%s: %d %s", body, got.status, got.body)
				}
			}
			for _, request := range grpcOther {
				if got := p.call(withKey("k"), tc.rpc, request); got.info.GetReason() != "IDEMPOTENCY_KEY_REUSED" {
					t.Errorf("grpc: %s: %v", request, got.err)
				}
			}
			if n := p.sent() - before; n != 0 {
				t.Errorf("%d more changes were sent", n)
			}
			// Also by the next life, which has read no names.
			p.restart()
			if got := p.do(tc.method, path, same[len(same)-1], "Idempotency-Key: k"); got.body != first.body || got.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("after a restart: %s: %d %s", same[len(same)-1], got.status, got.body)
			}
		})
	}
}

func fillAll(texts []string, fill func(string) string) []string {
	filled := make([]string, len(texts))
	for i, text := range texts {
		filled[i] = fill(text)
	}
	return filled
}

// An update with a wrong name is refused, and its key stays unused.
func TestAnUpdateWithAnotherNameIsNotTheSameChange(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	path := w.fill("stores/$store/secrets/$secret")
	if got := p.do("PATCH", path, `{"value":"v","name":"another"}`, "Idempotency-Key: k"); got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
	if value, _ := p.cf.Value(accountID, w.store, "taken"); value != "old" {
		t.Errorf("the value is %q", value)
	}
	p.must("PATCH", path, `{"value":"v","name":"taken"}`, "Idempotency-Key: l")
	p.must("DELETE", path, "")
	if got := p.do("PATCH", path, `{"value":"v"}`, "Idempotency-Key: l"); got.status != http.StatusOK || got.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("after the secret is gone: %d %s", got.status, got.body)
	}
	if got := p.do("PATCH", path, `{"value":"v","name":"another"}`, "Idempotency-Key: l"); got.status == http.StatusOK {
		t.Errorf("with another name after the secret is gone: %d %s", got.status, got.body)
	}
}

// The list shows missing objects, so they are not looked up one by one.
func TestADeleteOfManyCostsFewCallsWhateverItNames(t *testing.T) {
	t.Parallel()
	ids := func(n int, of func(int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = `"` + of(i) + `"`
		}
		return strings.Join(all, ",")
	}
	unknown := func(i int) string { return fmt.Sprintf("%08x000040008000000000000000", i+1) }
	for name, tc := range map[string]struct {
		ids    func(w world) string
		status int
	}{
		"a hundred that do not exist":                 {func(world) string { return ids(100, unknown) }, http.StatusNotFound},
		"one that does not exist, a hundred times":    {func(world) string { return ids(100, func(int) string { return noSuchID }) }, http.StatusNotFound},
		"one that exists, a hundred times":            {func(w world) string { return ids(100, func(int) string { return w.secret }) }, http.StatusAccepted},
		"one that exists and others that do not":      {func(w world) string { return ids(99, unknown) + `,"` + w.secret + `"` }, http.StatusNotFound},
		"a hundred of a store that does not exist":    {func(world) string { return ids(100, unknown) }, http.StatusNotFound},
		"one that does not exist and one that exists": {func(w world) string { return `"` + noSuchID + `","` + w.secret + `"` }, http.StatusNotFound},
	} {
		for policy, rules := range map[string]string{"": "", " under rules that ask for names": `rules: [{id: all, actions: ["*"], when: "!secret.startsWith('x')"}]`} {
			t.Run(name+policy, func(t *testing.T) {
				t.Parallel()
				p := start(t, setup{policy: rules, emulator: emulator.Config{}})
				w := p.given("secret")
				store := w.store
				if strings.Contains(name, "of a store") {
					store = noSuchID
				}
				before := len(p.cf.Requests())
				got := p.do("DELETE", "stores/"+store+"/secrets", `{"ids":[`+tc.ids(w)+`]}`)
				if got.status != tc.status {
					t.Errorf("%d %s", got.status, got.body)
				}
				if n := len(p.cf.Requests()) - before; n > 5 {
					t.Errorf("it cost %d calls", n)
				}
			})
		}
	}
}
