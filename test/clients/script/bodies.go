package script

import (
	"net/http"
	"strings"
)

// wholeText is why answers to half of a surrogate pair differ.
const wholeText = "Storekeeper passes a text on as it was sent or not at all"

// malformed are texts that are not JSON.
var malformed = []string{
	"", " ", "\n\t", "{", "[", "]", "nonsense", "{]", `{"name"}`, `{"name":"a"`, `{"name":"a"}}`, `{"name":"a"} x`, "{\"name\":\"a\"}{\"name\":\"b\"}", `[1,]`, `{"a":1,}`, `{'a':1}`,
	"\ufeff{\"name\":\"\"}", "{\"name\":\"\xff\"}", `{"name":"\x"}`, "{\"name\":\"a\tb\"}", "nul", "tru", "01", "NaN", "-",
}

// tooDeep are texts that nest deeper than Storekeeper reads.
var tooDeep = []string{
	strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 20000), strings.Repeat("[", 50) + strings.Repeat("]", 50),
}

// shallow is why answers to these differ.
const shallow = "Storekeeper bounds how deep a body is nested while it reads it"

// unreadable returns a step for each malformed text.
func unreadable(what, method, path string) []Step {
	steps := refused(what, method, path, tooDeep...)
	for i := range steps {
		steps[i].Differs, steps[i].Through = shallow, Answer{Status: 400, Word: `"code":1001`}
	}
	return append(refused(what, method, path, malformed...), steps...)
}

// refused makes a step for each body, all of which must be answered with 400.
func refused(what, method, path string, bodies ...string) []Step {
	var steps []Step
	for _, body := range bodies {
		steps = append(steps, Step{Name: what + " " + shortened(body), Call: plain(method, path, body), Status: 400, Word: `"code":1001`})
	}
	return steps
}

func shortened(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

func storeBodies() []Step {
	path := at + "/stores"
	steps := unreadable("create a store from", http.MethodPost, path)
	return append(steps, refused("create a store from", http.MethodPost, path,
		"null", "1", `"name"`, "true", "[]", `[{"name":"x"}]`, "{}", `{"name":null}`, `{"name":1}`, `{"name":1e999}`, `{"name":true}`, `{"name":[]}`, `{"name":{}}`, `{"name":["a"]}`,
	)...)
}

func secretBodies() []Step {
	path := at + "/stores/$store/secrets"
	steps := unreadable("create secrets from", http.MethodPost, path)
	steps = append(steps, refused("create secrets from", http.MethodPost, path,
		"null", "1", "{}", `{"name":"X","value":"v","scopes":["workers"]}`, "[]", "[null]", "[1]", `["a"]`, "[[]]", "[{}]", "[{},{}]", `[{},null,1]`,
		`[{"name":1,"value":"v","scopes":["workers"]}]`, `[{"name":"X","value":1,"scopes":["workers"]}]`, `[{"name":"X","value":"v","scopes":"workers"}]`,
		`[{"name":"X","value":"v","scopes":["workers",1]}]`, `[{"name":"X","value":"v","scopes":[null]}]`, `[{"name":"X","value":"v","scopes":[["workers"]]}]`,
		`[{"name":"X","value":"v","scopes":["workers"],"comment":1}]`, `[{"name":"X","value":"v","scopes":["workers"],"comment":{}}]`,
		`[{"name":null,"value":null,"scopes":null}]`, `[{"name":true,"value":[],"scopes":{},"comment":false}]`,
		`[{"name":1,"value":"","scopes":[]},{"name":"","value":2,"scopes":["workers"]}]`,
		`[{"comment":5,"scopes":[1,2],"value":{},"name":[]}]`,
		`[{"name":"X","value":"v"},{"value":"v","scopes":["workers"]}]`,
	)...)
	steps = append(steps, refused("duplicate a secret from", http.MethodPost, path+"/$a/duplicate",
		"", "{", "null", "[]", "{}", `{"name":null,"scopes":null}`, `{"name":1,"scopes":2,"comment":3}`, `{"name":"C","scopes":[]}`, `{"name":"C","scopes":["workers",""]}`, `{"name":"C d","scopes":[]}`,
	)...)
	return append(steps,
		Step{Name: "a comment of null is no comment", Call: plain(http.MethodPost, path, `[{"name":"NULLED","value":"v","scopes":["workers"],"comment":null}]`), Status: 200, Word: `"comment":null`},
		Step{Name: "escapes in a body", Call: plain(http.MethodPost, path, ` [ { "comment" : "\u00e9\ud83d\udd11\/\b\f\u2028\u0000" , "na\u006de" : "ESC", "value" : "\"\\" , "scopes" : [ "work\u0065rs" ] } ] `), Status: 200, Word: `"ESC"`},
		Step{Name: "half of a character", Call: plain(http.MethodPost, path, `[{"name":"\ud800","value":"v","scopes":["workers"]}]`), Status: 400, Word: "secret_name_invalid", Differs: wholeText, Through: Answer{400, "invalid_json_body"}},
		Step{Name: "wrong JSON for an unknown store", Call: plain(http.MethodPost, at+"/stores/"+UnknownID+"/secrets", "{"), Status: 404, Word: "store_not_found", Differs: wrongFirst, Through: Answer{400, "invalid_json_body"}},
	)
}

func patchBodies() []Step {
	path := at + "/stores/$store/secrets/$a"
	steps := unreadable("edit a secret with", http.MethodPatch, path)
	steps = append(steps, refused("edit a secret with", http.MethodPatch, path,
		"null", "[]", "1", "{}", `{"value":null}`, `{"value":1}`, `{"scopes":null}`, `{"scopes":"workers"}`, `{"scopes":[1]}`, `{"scopes":[""]}`, `{"comment":1}`, `{"comment":[]}`,
		`{"value":null,"scopes":null,"comment":1}`, `{"value":"","scopes":[]}`, `{"comment":null,"value":""}`,
	)...)
	return append(steps,
		Step{Name: "edit a comment to null and a value", Call: plain(http.MethodPatch, path, `{"comment":null,"value":"w"}`), Status: 200, Word: `"comment":null`},
		Step{Name: "edit a comment of text/plain", Call: with(plain(http.MethodPatch, path, `{"comment":"plain"}`), "Content-Type", "text/plain;charset=UTF-8"), Status: 200, Word: `"comment":"plain"`},
		Step{Name: "edit a comment to nothing", Call: plain(http.MethodPatch, path, `{"comment":""}`), Status: 200, Word: `"comment":""`},
	)
}

func bulkBodies() []Step {
	path := at + "/stores/$store/secrets"
	steps := unreadable("delete secrets with", http.MethodDelete, path)
	steps = append(steps, refused("delete secrets with", http.MethodDelete, path,
		"null", "1", "{}", "[]", `{"ids":null}`, `{"ids":[]}`, `{"ids":"$a"}`, `{"ids":[1]}`, `{"ids":[null]}`, `{"ids":["$a",2]}`, `{"ids":{}}`, `["$a"]`, `[{}]`, `[{"id":1}]`, `[{"id":null}]`, `[null]`, `[{"id":"$a"},{}]`,
	)...)
	return append(steps,
		Step{Name: "nothing was deleted by hand", Call: plain(http.MethodGet, at+"/quota", ""), Status: 200, Word: `"usage":4`},
		Step{Name: "delete secrets by an empty id", Call: plain(http.MethodDelete, path, `{"ids":[""]}`), Status: 404, Word: "secret_not_found"},
		Step{Name: "delete secrets by a path", Call: plain(http.MethodDelete, path, `{"ids":["../stores"]}`), Status: 404, Word: "secret_not_found"},
		Step{Name: "delete a secret with the older body", Call: plain(http.MethodDelete, path, `[{"id":"$a"}]`), Status: 202, Word: `"result":null`},
		Step{Name: "delete a secret with a body of text/plain", Call: with(plain(http.MethodDelete, path, `{"ids":["$b"]}`), "Content-Type", "text/plain;charset=UTF-8"), Status: 202},
		Step{Name: "delete the store with a body", Call: plain(http.MethodDelete, at+"/stores/$store?force=true", `{"what":"ever"}`), Status: 200, Word: `"result":null`},
	)
}
