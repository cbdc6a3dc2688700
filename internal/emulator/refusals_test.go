package emulator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

// wrong is the body of a failure that blames fields: each fault is
// word|pointer|message.
func wrong(faults ...string) string {
	var errors, messages []string
	for _, f := range faults {
		parts := strings.SplitN(f, "|", 3)
		source := ""
		if parts[1] != "" {
			source = `,"source":{"pointer":"` + parts[1] + `"}`
		}
		errors = append(errors, `{"code":1001,"message":"`+parts[0]+`"`+source+`}`)
		messages = append(messages, `{"code":1001,"message":"`+parts[2]+`"}`)
	}
	return `{"result":null,"success":false,"errors":[` + strings.Join(errors, ",") +
		`],"messages":[` + strings.Join(messages, ",") + `]}`
}

// plainly is the body of a failure with one error and nothing else.
func plainly(code int, message string) string {
	return fmt.Sprintf(`{"result":null,"success":false,"errors":[{"code":%d,"message":"%s"}],"messages":[]}`, code, message)
}

const (
	scopeText = "must be one of access, ai_gateway, containers, dex, websearch, workers"
	nameText  = "must match ^[A-Za-z0-9_-]*$"
)

// TestBadBodies has one case for every way in which a body can be wrong.
func TestBadBodies(t *testing.T) {
	x256, x257 := strings.Repeat("x", 256), strings.Repeat("x", 257)
	v64k := strings.Repeat("v", 65536)
	cases := []struct{ name, method, path, body, want string }{
		{"no body", "POST", "stores", "", wrong("invalid_json_body||body: must not be empty")},
		{"white space", "POST", "stores", " \n", wrong("invalid_json_body||body: must not be empty")},
		{"no JSON", "POST", "stores", "{", wrong("invalid_json_body||body: must be valid JSON")},
		{"two texts", "POST", "stores", `{"name":"a"}{}`, wrong("invalid_json_body||body: must be valid JSON")},
		{"no UTF-8", "POST", "stores", "{\"name\":\"\xff\"}", wrong("invalid_json_body||body: must be valid JSON")},
		{"store in an array", "POST", "stores", `[{"name":"a"}]`, wrong("invalid_json_body||body: must be an object")},
		{"store is null", "POST", "stores", `null`, wrong("invalid_json_body||body: must be an object")},
		{"store name absent", "POST", "stores", `{}`, wrong("store_name_empty|/name|name: must not be empty")},
		{"store name in capitals", "POST", "stores", `{"Name":"x"}`, wrong("store_name_empty|/name|name: must not be empty")},
		{"store name null", "POST", "stores", `{"name":null}`, wrong("store_name_empty|/name|name: must not be empty")},
		{"store name a number", "POST", "stores", `{"name":1e999}`, wrong("invalid_json_body|/name|name: must be a string")},
		{"store name too long", "POST", "stores", `{"name":"` + strings.Repeat("ä", 257) + `"}`,
			wrong("store_name_too_long|/name|name: must be at most 256 characters")},

		{"secrets in no array", "POST", "SECRETS", `{"name":"A"}`, wrong("invalid_json_body||body: must be an array")},
		{"no secrets", "POST", "SECRETS", `[]`, wrong("invalid_json_body||body: must have at least 1 item")},
		{"too many secrets", "POST", "SECRETS", "[" + strings.Repeat("{},", 100) + "{}]",
			wrong("invalid_json_body||body: must have at most 100 items")},
		{"an item that is null", "POST", "SECRETS", `[null]`, wrong("invalid_json_body|/0|[0]: must be an object")},
		{"nothing set", "POST", "SECRETS", `[{}]`, wrong(
			"secret_name_empty|/0/name|[0].name: must not be empty",
			"secret_value_empty|/0/value|[0].value: must not be empty",
			"secret_scopes_empty|/0/scopes|[0].scopes: must have at least 1 item")},
		{"everything empty", "POST", "SECRETS", `[{"name":"","value":"","scopes":[],"comment":""}]`, wrong(
			"secret_name_empty|/0/name|[0].name: must not be empty",
			"secret_value_empty|/0/value|[0].value: must not be empty",
			"secret_scopes_empty|/0/scopes|[0].scopes: must have at least 1 item")},
		{"everything of a wrong type", "POST", "SECRETS", `[{"comment":{},"scopes":"workers","value":[],"name":false}]`, wrong(
			"invalid_json_body|/0/name|[0].name: must be a string",
			"invalid_json_body|/0/value|[0].value: must be a string",
			"invalid_json_body|/0/scopes|[0].scopes: must be an array",
			"invalid_json_body|/0/comment|[0].comment: must be a string")},
		{"everything too long", "POST", "SECRETS",
			`[{"name":"` + x257 + `","value":"` + v64k + `v","scopes":["dex"],"comment":"` + v64k + `ä"}]`, wrong(
				"secret_name_too_long|/0/name|[0].name: must be at most 256 characters",
				"secret_value_too_long|/0/value|[0].value: must be at most 65536 bytes",
				"secret_comment_too_long|/0/comment|[0].comment: must be at most 65536 bytes")},
		{"wrong in several items", "POST", "SECRETS",
			`[{"name":"a.b","value":"v","scopes":["dex"]},{"name":"b","value":"v","scopes":["dex","ai-gateway",null,""]},7]`, wrong(
				"secret_name_invalid|/0/name|[0].name: "+nameText,
				"secret_scope_invalid|/1/scopes/1|[1].scopes[1]: "+scopeText,
				"invalid_json_body|/1/scopes/2|[1].scopes[2]: must be a string",
				"secret_scope_invalid|/1/scopes/3|[1].scopes[3]: "+scopeText,
				"invalid_json_body|/2|[2]: must be an object")},
		{"a name with a line end", "POST", "SECRETS", `[{"name":"a\n","value":"v","scopes":["dex"]}]`,
			wrong("secret_name_invalid|/0/name|[0].name: " + nameText)},

		{"patch without a body", "PATCH", "SECRET", "", wrong("invalid_json_body||body: must not be empty")},
		{"patch in an array", "PATCH", "SECRET", "[]", wrong("invalid_json_body||body: must be an object")},
		{"patch of nothing", "PATCH", "SECRET", `{}`,
			wrong("invalid_json_body||body: must set at least one of value, scopes, comment")},
		{"patch of the name alone", "PATCH", "SECRET", `{"name":"B"}`,
			wrong("invalid_json_body||body: must set at least one of value, scopes, comment")},
		{"patch to nothing", "PATCH", "SECRET", `{"value":null,"scopes":null}`, wrong(
			"secret_value_empty|/value|value: must not be empty",
			"secret_scopes_empty|/scopes|scopes: must have at least 1 item")},
		{"patch to empty", "PATCH", "SECRET", `{"value":"","scopes":[],"comment":3}`, wrong(
			"secret_value_empty|/value|value: must not be empty",
			"secret_scopes_empty|/scopes|scopes: must have at least 1 item",
			"invalid_json_body|/comment|comment: must be a string")},
		{"patch with a wrong scope", "PATCH", "SECRET", `{"scopes":["Workers"]}`,
			wrong("secret_scope_invalid|/scopes/0|scopes[0]: " + scopeText)},

		{"duplicate without a body", "POST", "SECRET/duplicate", "", wrong("invalid_json_body||body: must not be empty")},
		{"duplicate of nothing", "POST", "SECRET/duplicate", `{}`, wrong(
			"secret_name_empty|/name|name: must not be empty",
			"secret_scopes_empty|/scopes|scopes: must have at least 1 item")},
		{"duplicate with a wrong name", "POST", "SECRET/duplicate", `{"name":"a b","scopes":["dex"],"comment":[]}`, wrong(
			"secret_name_invalid|/name|name: "+nameText,
			"invalid_json_body|/comment|comment: must be a string")},

		{"bulk delete without a body", "DELETE", "SECRETS", "", wrong("invalid_json_body||body: must not be empty")},
		{"bulk delete of a text", "DELETE", "SECRETS", `"all"`, wrong("invalid_json_body||body: must be an object")},
		{"bulk delete of nothing", "DELETE", "SECRETS", `{}`, wrong("invalid_json_body|/ids|ids: must have at least 1 item")},
		{"bulk delete of no ids", "DELETE", "SECRETS", `{"ids":[]}`, wrong("invalid_json_body|/ids|ids: must have at least 1 item")},
		{"bulk delete of one text", "DELETE", "SECRETS", `{"ids":"x"}`, wrong("invalid_json_body|/ids|ids: must be an array")},
		{"bulk delete of numbers", "DELETE", "SECRETS", `{"ids":[1,"x",null]}`, wrong(
			"invalid_json_body|/ids/0|ids[0]: must be a string", "invalid_json_body|/ids/2|ids[2]: must be a string")},
		{"bulk delete of too many", "DELETE", "SECRETS", `{"ids":[` + strings.Repeat(`"x",`, 100) + `"x"]}`,
			wrong("invalid_json_body|/ids|ids: must have at most 100 items")},
		{"older bulk delete of nothing", "DELETE", "SECRETS", `[]`, wrong("invalid_json_body||body: must have at least 1 item")},
		{"older bulk delete of wrong items", "DELETE", "SECRETS", `["x",{},{"id":4}]`, wrong(
			"invalid_json_body|/0|[0]: must be an object",
			"invalid_json_body|/1/id|[1].id: must not be empty",
			"invalid_json_body|/2/id|[2].id: must be a string")},
	}
	a := start(t, noLimits())
	secret := a.secret(a.store("s"), x256)
	secrets := secret[:strings.LastIndex(secret, "/")]
	before := a.must("GET", secrets, "").body
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := strings.NewReplacer("SECRETS", secrets, "SECRET", secret).Replace(c.path)
			got := a.do(c.method, path, c.body)
			if got.status != 400 || got.body != c.want {
				t.Errorf("status %d, want 400\n got %s\nwant %s", got.status, got.body, c.want)
			}
		})
	}
	if after := a.must("GET", secrets, "").body; after != before {
		t.Errorf("a refused body changed something: %s", after)
	}
}

func TestBadQueries(t *testing.T) {
	const order = "order: must be one of name, comment, created, modified, status"
	cases := []struct{ name, path, want string }{
		{"everything wrong", "SECRETS?page=x&per_page=-1&order=size&direction=up", wrong(
			"page_invalid||page: must be a whole number", "per_page_invalid||per_page: must be at least 0",
			"order_invalid||"+order, "direction_invalid||direction: must be one of asc, desc")},
		{"a part of a page", "SECRETS?page=1.5", wrong("page_invalid||page: must be a whole number")},
		{"a page beyond all numbers", "SECRETS?page=99999999999", wrong("page_invalid||page: must be a whole number")},
		{"a page without a number", "SECRETS?page=", wrong("page_invalid||page: must be a whole number")},
		{"an order that stores lack", "stores?order=status", wrong("order_invalid||order: must be one of name, created, modified")},
		{"an order in capitals", "SECRETS?order=NAME", wrong("order_invalid||" + order)},
		{"a negative page of accounts", "/client/v4/accounts?page=-1", wrong("page_invalid||page: must be at least 0")},
	}
	a := start(t, noLimits())
	store := a.store("s")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := a.do("GET", strings.ReplaceAll(c.path, "SECRETS", "stores/"+store+"/secrets"), "")
			if got.status != 400 || got.body != c.want {
				t.Errorf("status %d, want 400\n got %s\nwant %s", got.status, got.body, c.want)
			}
		})
	}
	for _, force := range []string{"yes", "1", ""} {
		got := a.do("DELETE", "stores/"+store+"?force="+force, "")
		if want := wrong("force_invalid||force: must be true or false"); got.status != 400 || got.body != want {
			t.Errorf("force=%s: status %d, %s", force, got.status, got.body)
		}
	}
}

// TestRefusals has the failures that blame no field.
func TestRefusals(t *testing.T) {
	a := start(t, emulator.Config{Accounts: []emulator.Account{{ID: accountID, StoreLimit: 2, SecretLimit: 3}}})
	store, other := a.store("s"), a.store("t")
	secrets := "stores/" + store + "/secrets"
	one := a.secret(store, "A")
	gone := a.secret(store, "GONE")
	a.must("DELETE", gone, "")
	id := one[strings.LastIndex(one, "/")+1:]
	item := `{"name":"N","value":"v","scopes":["dex"]}`
	dashed := "23bdc9c2-e8ca-470d-8235-2c53ec8d2e67"
	cases := []struct {
		name, method, path, body string
		status, code             int
		message                  string
	}{
		{"store name in use, before the limit", "POST", "stores", `{"name":"s"}`, 400, 1003, "store_name_already_exists"},
		{"too many stores", "POST", "stores", `{"name":"u"}`, 400, 1003, "maximum_stores_exceeded"},
		{"store of no id", "GET", "stores/" + noSuchID, "", 404, 1001, "store_not_found"},
		{"store of a dashed id", "GET", "stores/" + dashed, "", 404, 1001, "store_not_found"},
		{"store of dots", "DELETE", "stores/..%2f..", "", 404, 1001, "store_not_found"},
		{"secrets of no store", "GET", "stores/" + noSuchID + "/secrets", "", 404, 1001, "store_not_found"},
		{"secret of no store", "GET", "stores/" + noSuchID + "/secrets/" + id, "", 404, 1001, "store_not_found"},
		{"creation in no store, before the body", "POST", "stores/" + noSuchID + "/secrets", "?", 404, 1001, "store_not_found"},
		{"patch in no store, before the body", "PATCH", "stores/" + noSuchID + "/secrets/" + id, "?", 404, 1001, "store_not_found"},
		{"copy in no store, before the body", "POST", "stores/" + noSuchID + "/secrets/" + id + "/duplicate", "?", 404, 1001, "store_not_found"},
		{"bulk delete in no store, before the body", "DELETE", "stores/" + noSuchID + "/secrets", "?", 404, 1001, "store_not_found"},
		{"secret of no id", "GET", secrets + "/" + noSuchID, "", 404, 1001, "secret_not_found"},
		{"secret of a dashed id", "GET", secrets + "/" + dashed, "", 404, 1001, "secret_not_found"},
		{"secret of another store", "GET", "stores/" + other + "/secrets/" + id, "", 404, 1001, "secret_not_found"},
		{"secret that is gone", "GET", gone, "", 404, 1001, "secret_not_found"},
		{"second delete", "DELETE", gone, "", 404, 1001, "secret_not_found"},
		{"patch of no secret", "PATCH", gone, `{"value":"v"}`, 404, 1001, "secret_not_found"},
		{"copy of no secret", "POST", gone + "/duplicate", `{"name":"N","scopes":["dex"]}`, 404, 1001, "secret_not_found"},
		{"bulk delete of one that is not there", "DELETE", secrets, `{"ids":["` + id + `","x"]}`, 404, 1001, "secret_not_found"},
		{"name in use", "POST", secrets, `[` + item + `,{"name":"A","value":"v","scopes":["dex"]}]`, 400, 1003, "secret_name_already_exists: A"},
		{"name twice in the batch", "POST", secrets, `[` + item + `,` + item + `]`, 400, 1003, "secret_name_already_exists: N"},
		{"name of a copy in use", "POST", one + "/duplicate", `{"name":"A","scopes":["dex"]}`, 400, 1003, "secret_name_already_exists: A"},
		{"too many secrets, over all stores", "POST", "stores/" + other + "/secrets",
			`[` + item + `,` + strings.ReplaceAll(item, "N", "O") + `,` + strings.ReplaceAll(item, "N", "P") + `]`,
			400, 1003, "maximum_secrets_exceeded: max 3"},
		{"not empty", "DELETE", "stores/" + store + "?force=false", "", 409, 1003, "store_not_empty"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := a.do(c.method, c.path, c.body)
			if want := plainly(c.code, c.message); got.status != c.status || got.body != want {
				t.Errorf("status %d, want %d\n got %s\nwant %s", got.status, c.status, got.body, want)
			}
		})
	}
	if left := a.must("GET", secrets, "").names(t); left != "A" {
		t.Errorf("a refused batch changed something: %q, want A", left)
	}
}

func TestTheLimitOfSecretsCountsCopies(t *testing.T) {
	a := start(t, emulator.Config{Accounts: []emulator.Account{{ID: accountID, SecretLimit: 1}}})
	got := a.do("POST", a.secret(a.store("s"), "A")+"/duplicate", `{"name":"B","scopes":["dex"]}`)
	if want := plainly(1003, "maximum_secrets_exceeded: max 1"); got.status != 400 || got.body != want {
		t.Errorf("status %d, %s", got.status, got.body)
	}
}

// TestMistakesAreBounded sends more mistakes than an answer may list.
func TestMistakesAreBounded(t *testing.T) {
	a := start(t, noLimits())
	body := `[{"name":"A","value":"v","scopes":[` + strings.Repeat(`0,`, 100_000) + `0]}]`
	got := a.do("POST", "stores/"+a.store("s")+"/secrets", body)
	var failure struct {
		Errors   []any `json:"errors"`
		Messages []any `json:"messages"`
	}
	if err := json.Unmarshal([]byte(got.body), &failure); err != nil {
		t.Fatal(err)
	}
	if got.status != 400 || len(failure.Errors) != 1000 || len(failure.Messages) != 1000 {
		t.Errorf("status %d, %d errors, %d messages", got.status, len(failure.Errors), len(failure.Messages))
	}
}
