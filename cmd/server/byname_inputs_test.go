package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestWrongPutsAreRefusedAlikeOverBothProtocols sends invalid puts. None of them
// reaches Cloudflare.
func TestWrongPutsAreRefusedAlikeOverBothProtocols(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	store := p.madeStore("s")
	before := p.sent()
	const at = `"account":"main","store":"s","name":"A"`
	long := strings.Repeat("x", 65537)
	for name, c := range map[string]struct {
		grpc, path, rest, reason string
		// fields are the fields that the refusal names.
		fields []string
	}{
		"nothing":              {at, "/A", `{}`, "SECRET_VALUE_EMPTY", []string{"value", "scopes"}},
		"no value":             {at + `,"scopes":["dex"]`, "/A", `{"scopes":["dex"]}`, "SECRET_VALUE_EMPTY", []string{"value"}},
		"an empty value":       {at + `,"value":"","scopes":["dex"]`, "/A", `{"value":"","scopes":["dex"]}`, "SECRET_VALUE_EMPTY", []string{"value"}},
		"no scopes":            {at + `,"value":"v"`, "/A", `{"value":"v"}`, "SECRET_SCOPES_EMPTY", []string{"scopes"}},
		"an empty list":        {at + `,"value":"v","scopes":[]`, "/A", `{"value":"v","scopes":[]}`, "SECRET_SCOPES_EMPTY", []string{"scopes"}},
		"a value that is long": {at + `,"value":"` + long + `","scopes":["dex"]`, "/A", `{"value":"` + long + `","scopes":["dex"]}`, "SECRET_VALUE_TOO_LONG", []string{"value"}},
		"a wrong name":         {`"account":"main","store":"s","name":"a b","value":"v","scopes":["dex"]`, "/a%20b", `{"value":"v","scopes":["dex"]}`, "SECRET_NAME_INVALID", []string{"name"}},
		"a name with a slash":  {`"account":"main","store":"s","name":"a/b","value":"v","scopes":["dex"]`, "/a%2Fb", `{"value":"v","scopes":["dex"]}`, "SECRET_NAME_INVALID", []string{"name"}},
		"a long name":          {`"account":"main","store":"s","name":"` + long[:257] + `","value":"v","scopes":["dex"]`, "/" + long[:257], `{"value":"v","scopes":["dex"]}`, "SECRET_NAME_TOO_LONG", []string{"name"}},
		"two conditions": {
			at + `,"value":"v","scopes":["dex"],"ifAbsent":true,"expectedModified":"2026-01-01T00:00:00Z"`, "/A",
			`{"value":"v","scopes":["dex"],"ifAbsent":true,"expectedModified":"2026-01-01T00:00:00Z"}`, "IF_ABSENT_INVALID", []string{"if_absent"},
		},
		"a wrong key":     {at + `,"value":"v","scopes":["dex"],"requestId":"a b"`, "/A", `{"value":"v","scopes":["dex"],"requestId":"a b"}`, "REQUEST_ID_INVALID", []string{"request_id"}},
		"several at once": {at + `,"scopes":[],"requestId":"ä"`, "/A", `{"scopes":[],"requestId":"ä"}`, "SECRET_VALUE_EMPTY", []string{"value", "scopes", "request_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			got := p.native("SecretService/PutSecret", "{"+c.grpc+"}", "PUT", "/storekeeper/v1/accounts/main/stores/s/secrets"+c.path, c.rest)
			if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"reason":"`+c.reason+`"`) {
				t.Errorf("%d %.500s", got.status, got.body)
			}
			for _, field := range c.fields {
				if !strings.Contains(got.body, `"field":"`+field+`"`) {
					t.Errorf("%s is not named: %.500s", field, got.body)
				}
			}
			if strings.Contains(got.body, long[:200]) && c.reason != "SECRET_NAME_TOO_LONG" {
				t.Error("the refusal repeats the value")
			}
		})
	}
	if n := p.sent() - before; n != 0 {
		t.Errorf("%d changes were sent", n)
	}
	if _, there := p.cf.Value(accountID, store, "A"); there {
		t.Error("a secret was made")
	}
}

// TestWrongJSONOfAPutIsRefused sends mistakes that only JSON can have.
func TestWrongJSONOfAPutIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	p.madeStore("s")
	before := p.sent()
	path := "/storekeeper/v1/accounts/main/stores/s/secrets"
	good := `"value":"v","scopes":["dex"]`
	for name, c := range map[string]struct{ method, path, body string }{
		"no JSON":                           {"PUT", path + "/A", `value=v`},
		"nothing":                           {"PUT", path + "/A", ``},
		"an array":                          {"PUT", path + "/A", `[]`},
		"a number as the value":             {"PUT", path + "/A", `{"value":1,"scopes":["dex"]}`},
		"a text as the scopes":              {"PUT", path + "/A", `{"value":"v","scopes":"dex"}`},
		"a text as a condition":             {"PUT", path + "/A", `{` + good + `,"ifAbsent":"yes"}`},
		"a time that is none":               {"PUT", path + "/A", `{` + good + `,"expectedModified":"yesterday"}`},
		"a field that there is not":         {"PUT", path + "/A", `{` + good + `,"vaule":"v"}`},
		"a field twice":                     {"PUT", path + "/A", `{` + good + `,"value":"w"}`},
		"the name in path and body":         {"PUT", path + "/A", `{` + good + `,"name":"B"}`},
		"a parameter that there is not":     {"PUT", path + "/A?force=true", `{` + good + `}`},
		"a batch of nothing":                {"POST", path + ":batchPut", `{"secrets":[]}`},
		"a batch without secrets":           {"POST", path + ":batchPut", `{}`},
		"a batch of 101":                    {"POST", path + ":batchPut", `{"secrets":[` + strings.Repeat(`{"name":"A",`+good+`},`, 100) + `{"name":"B",` + good + `}]}`},
		"a name twice in a batch":           {"POST", path + ":batchPut", `{"secrets":[{"name":"A",` + good + `},{"name":"A",` + good + `}]}`},
		"one item of a batch without value": {"POST", path + ":batchPut", `{"secrets":[{"name":"A",` + good + `},{"name":"B","scopes":["dex"]}]}`},
		"a store that is not UTF-8":         {"PUT", strings.Replace(path, "/s/", "/%ff/", 1) + "/A", `{` + good + `}`},
		"a batch of one":                    {"POST", strings.Replace(path, "/s/", "/a%c3%28/", 1) + ":batchPut", `{"secrets":[{"name":"A",` + good + `}]}`},
		"a deletion in one":                 {"DELETE", strings.Replace(path, "/s/", "/%ff/", 1) + "/A", ``},
		"a read of one":                     {"GET", strings.Replace(path, "/s/", "/%ff/", 1) + "/A", ``},
		"a name that is not UTF-8":          {"DELETE", path + "/%80", ``},
		"a filter that is not UTF-8":        {"GET", "/storekeeper/v1/changes?store=%ff", ``},
		"a text for allow_missing":          {"DELETE", path + "/A?allowMissing=perhaps", ``},
	} {
		got := p.do(c.method, c.path, c.body)
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"code":3`) || !strings.Contains(got.body, `"reason":"`) {
			t.Errorf("%s: %d %.300s", name, got.status, got.body)
		}
	}
	for name, c := range map[string]struct {
		method, path string
		status       int
	}{
		"another method":         {"PATCH", path + "/A", http.StatusMethodNotAllowed},
		"another verb":           {"POST", path + ":batchGet", http.StatusNotFound},
		"a store that is not":    {"GET", "/storekeeper/v1/accounts/main/stores/none/secrets/A", http.StatusNotFound},
		"a secret that is not":   {"GET", path + "/A", http.StatusNotFound},
		"an account that is not": {"GET", "/storekeeper/v1/accounts/none/stores/s/secrets/A", http.StatusForbidden},
	} {
		if got := p.do(c.method, c.path, ""); got.status != c.status {
			t.Errorf("%s: %d %.300s", name, got.status, got.body)
		}
	}
	if n := p.sent() - before; n != 0 {
		t.Errorf("%d changes were sent", n)
	}
}

func TestSecretsByNameOverREST(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{})
	store := p.madeStore("s")
	path := "/storekeeper/v1/accounts/" + accountID + "/stores/s/secrets"
	outcome := func(what, want, method, path, body string, headers ...string) reply {
		t.Helper()
		got := p.must(method, path, body, headers...)
		if !strings.Contains(got.body, want) {
			t.Errorf("%s: %s has no %s", what, got.body, want)
		}
		return got
	}
	body := `{"value":"v1","scopes":["workers"],"comment":"c"}`
	outcome("a new secret", `"outcome":"CREATED"`, "PUT", path+"/A", body)
	outcome("the same", `"outcome":"UNCHANGED"`, "PUT", path+"/A", body)
	outcome("another value, by the store's identifier", `"outcome":"UPDATED"`, "PUT", strings.Replace(path, "/s/", "/"+store+"/", 1)+"/A", `{"value":"v2","scopes":["workers"]}`)
	got := outcome("a read", `"name":"A"`, "GET", path+"/A", "")
	if !strings.Contains(got.body, `"comment":"c"`) {
		t.Errorf("a put without a comment changed it: %s", got.body)
	}
	outcome("a dry run", `"outcome":"UPDATED"`, "PUT", path+"/A", `{"value":"v3","scopes":["workers"],"validateOnly":true}`)
	p.holds(store, "A", "v2")
	outcome("a batch", `"outcome":"CREATED"`, "POST", path+":batchPut", `{"secrets":[{"name":"B","value":"v","scopes":["dex"]},{"name":"A","value":"v2","scopes":["workers"]}]}`)
	for i := range 2 {
		again := outcome("a put with a key", `"outcome":"CREATED"`, "PUT", path+"/C", `{"value":"v","scopes":["dex"],"ifAbsent":true}`, "Idempotency-Key: k")
		if replayed := again.header.Get("Idempotent-Replayed"); replayed != []string{"", "true"}[i] {
			t.Errorf("try %d: replayed %q", i, replayed)
		}
	}
	outcome("a deletion", `"deleted":true`, "DELETE", path+"/A", "")
	if got := p.do("DELETE", path+"/A", ""); got.status != http.StatusNotFound || !strings.Contains(got.body, "SECRET_NOT_FOUND") {
		t.Errorf("another deletion: %d %s", got.status, got.body)
	}
	outcome("a deletion of what may be missing", `"deleted":false`, "DELETE", path+"/A?allowMissing=true", "")
	if _, n := p.cf.Counts(accountID); n != 2 {
		t.Error(fmt.Sprint(n, " secrets are left"))
	}
}

// TestARefusalOfCloudflareNamesTheFieldsOfThePut sends scopes that only Cloudflare can refuse. A put is a create or
// an update for Cloudflare, and its fields are those of the put in both cases.
func TestARefusalOfCloudflareNamesTheFieldsOfThePut(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	p.madeStore("s")
	path := "/storekeeper/v1/accounts/main/stores/s/secrets"
	p.must("PUT", path+"/OLD", `{"value":"v","scopes":["dex"]}`)
	// One call over each protocol, and one with a key whose answer is recorded, and its repeat.
	for _, name := range []string{"NEW", "OLD"} {
		wrong := `"value":"v","scopes":["dex","nope"]`
		got := []string{
			p.native("SecretService/PutSecret", `{"account":"main","store":"s","name":"`+name+`",`+wrong+`}`, "PUT", path+"/"+name, "{"+wrong+"}").body,
			p.do("PUT", path+"/"+name, "{"+wrong+`,"requestId":"k-`+name+`"}`).body,
			p.do("PUT", path+"/"+name, "{"+wrong+`,"requestId":"k-`+name+`"}`).body,
		}
		for i, body := range got {
			if !strings.Contains(body, `"field":"scopes[1]"`) || strings.Contains(body, "[0]") || strings.Contains(body, "/0/") {
				t.Errorf("%s %d: %s", name, i, body)
			}
			if !strings.Contains(body, `"message":"scopes[1]: must be one of `) || !strings.Contains(body, `"pointer":"/scopes/1"`) {
				t.Errorf("%s %d lacks Cloudflare's text about the field: %s", name, i, body)
			}
		}
	}
	got := p.do("POST", path+":batchPut", `{"secrets":[
		{"name":"A","value":"v","scopes":["dex"]},{"name":"OLD","value":"w","scopes":["nope"]},{"name":"B","value":"v","scopes":["dex","nope"]}]}`)
	for _, field := range []string{"secrets[1].scopes[0]", "secrets[2].scopes[1]"} {
		if n := strings.Count(got.body, `"field":"`+field+`"`); n != 1 {
			t.Errorf("%s is named %d times: %s", field, n, got.body)
		}
	}
	if n := strings.Count(got.body, ": must be one of "); n != 2 || strings.Contains(got.body, `"message":"[`) {
		t.Errorf("Cloudflare's texts are not about the items: %s", got.body)
	}
}
