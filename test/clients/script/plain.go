package script

import (
	"net/http"
	"slices"
	"strings"
)

// Written sends requests that no SDK sends: other headers, paths, queries and
// bodies. It needs a limit of two stores.
func Written() []Step {
	return slices.Concat(prepared(), headers(), routes(), queries(), storeBodies(), secretBodies(), patchBodies(), bulkBodies())
}

func plain(method, path, body string) Call {
	return Call{Op: Plain, Request: Request{Method: method, Path: path, Body: body}}
}

func with(call Call, header, value string) Call {
	call.Request.Header = map[string]string{header: value}
	return call
}

func prepared() []Step {
	return []Step{
		{Name: "create a store", Call: plain(http.MethodPost, at+"/stores", `{"name":"written"}`), Save: []string{"store"}, Status: 200},
		{Name: "create two secrets", Call: plain(http.MethodPost, at+"/stores/$store/secrets", `[{"name":"A","value":"v","scopes":["workers"]},{"name":"B","value":"v","scopes":["dex"]}]`), Save: []string{"a", "b"}, Status: 200},
		{Name: "create a store to lose", Call: plain(http.MethodPost, at+"/stores", `{"name":"extra"}`), Save: []string{"extra"}, Status: 200},
	}
}

// onceOnly is why answers to a repeated query key differ.
const onceOnly = "Storekeeper does not guess which of two values is meant"

// noIdentifier is why answers to an empty identifier differ.
const noIdentifier = "Storekeeper says that a path with an empty identifier has no route"

// oneRefusal is why answers to a malformed credential differ.
const oneRefusal = "Storekeeper does not tell a stranger in what way the credential is wrong"

func headers() []Step {
	list := plain(http.MethodGet, at+"/stores", "")
	post := plain(http.MethodPost, at+"/stores", `{"name":""}`)
	steps := []Step{
		{Name: "no credential", Call: with(list, "Authorization", ""), Status: 400, Word: `"code":9106`, Differs: oneRefusal, Through: Answer{401, `"code":10000`}},
		{Name: "no credential for a wrong body", Call: with(plain(http.MethodPost, at+"/stores", "{"), "Authorization", ""), Status: 400, Word: `"code":9106`, Differs: oneRefusal, Through: Answer{401, `"code":10000`}},
		{Name: "a credential without a scheme", Call: with(list, "Authorization", "dev"), Status: 400, Word: `"code":6003`, Differs: oneRefusal, Through: Answer{401, `"code":10000`}},
		{Name: "another scheme", Call: with(list, "Authorization", "Basic ZGV2OmRldg=="), Status: 400, Word: `"code":6003`, Differs: oneRefusal, Through: Answer{401, `"code":10000`}},
		{Name: "a credential of two words", Call: with(list, "Authorization", "Bearer dev dev"), Status: 400, Word: `"code":6003`, Differs: oneRefusal, Through: Answer{401, `"code":10000`}},
		{Name: "an unknown key in the older scheme", Call: Call{Op: Plain, Request: Request{Method: http.MethodGet, Path: at + "/stores", Header: map[string]string{"Authorization": "", "X-Auth-Email": "a@example.com", "X-Auth-Key": "wrong"}}}, Status: 401, Word: `"code":10000`},
		{Name: "a key without an address", Call: Call{Op: Plain, Request: Request{Method: http.MethodGet, Path: at + "/stores", Header: map[string]string{"Authorization": "", "X-Auth-Key": "wrong"}}}, Status: 400, Word: `"code":9106`, Differs: oneRefusal, Through: Answer{401, `"code":10000`}},
		{Name: "a method in a header", Call: with(post, "X-HTTP-Method-Override", "GET"), Status: 400, Word: "store_name_empty"},
		{Name: "a media type that cannot be had", Call: with(list, "Accept", "text/html"), Status: 200},
		{Name: "an api version", Call: with(list, "Api-Version", "2026-11-22"), Status: 200},
	}
	for _, kind := range []string{"", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/grpc", "application/octet-stream", "nonsense"} {
		steps = append(steps, Step{Name: "a body of type " + kind, Call: with(post, "Content-Type", kind), Status: 400, Word: "store_name_empty"})
	}
	return steps
}

func routes() []Step {
	const unknown = "/stores/" + UnknownID
	var steps []Step
	for _, path := range []string{"/", "", "/nothing", "/accounts/$account/nothing", at, at + "/nothing", at + unknown + "/nothing", at + unknown + "/secrets/" + UnknownID + "/nothing", at + "/quota/nothing"} {
		path = strings.ReplaceAll(path, "$account", "023e105f4ecef8ad9ca31a8372d0c353")
		steps = append(steps, Step{Name: "no route to " + path, Call: plain(http.MethodGet, path, ""), Status: 404, Word: `"code":7000`})
	}
	for _, r := range []struct{ method, path string }{
		{http.MethodPut, "/stores"}, {http.MethodPatch, "/stores"}, {http.MethodDelete, "/stores"},
		{http.MethodPost, unknown}, {http.MethodPatch, unknown}, {http.MethodPut, unknown},
		{http.MethodPatch, unknown + "/secrets"}, {http.MethodPut, unknown + "/secrets"},
		{http.MethodPost, unknown + "/secrets/" + UnknownID}, {http.MethodPut, unknown + "/secrets/" + UnknownID},
		{http.MethodGet, unknown + "/secrets/" + UnknownID + "/duplicate"}, {http.MethodDelete, "/quota"}, {http.MethodPost, "/quota"},
		{http.MethodOptions, "/stores"}, {http.MethodTrace, "/stores"}, {"BREW", "/stores"},
	} {
		steps = append(steps, Step{Name: r.method + " is not allowed on " + r.path, Call: plain(r.method, at+r.path, ""), Status: 405, Word: `"code":7001`})
	}
	return append(steps,
		Step{Name: "a form posted to a reading path", Call: with(plain(http.MethodPost, at+"/quota", "a=b"), "Content-Type", "application/x-www-form-urlencoded"), Status: 405, Word: `"code":7001`},
		Step{Name: "two slashes before accounts", Call: plain(http.MethodGet, "/"+at+"/stores", ""), Status: 200},
		Step{Name: "two slashes before accounts, with a body", Call: plain(http.MethodPost, "/"+at+"/stores", `{"name":""}`), Status: 400, Word: "store_name_empty"},
		Step{Name: "only the header of a list", Call: plain(http.MethodHead, at+"/stores", ""), Status: 405},
		Step{Name: "an upper-case store id", Call: plain(http.MethodGet, at+"/stores/"+strings.ToUpper(UnknownID), ""), Status: 404, Word: "store_not_found"},
		Step{Name: "a store id that is a word", Call: plain(http.MethodGet, at+"/stores/default", ""), Status: 404, Word: "store_not_found"},
		Step{Name: "a store id with an escaped slash", Call: plain(http.MethodGet, at+"/stores/a%2Fb", ""), Status: 404},
		Step{Name: "a store id with escaped letters", Call: plain(http.MethodGet, at+"/stores/%30%31", ""), Status: 404, Word: "store_not_found"},
		Step{Name: "a store id of dots", Call: plain(http.MethodGet, at+"/stores/%2e%2e", ""), Status: 404},
		Step{Name: "a secret id with a colon", Call: plain(http.MethodGet, at+"/stores/$store/secrets/a:b", ""), Status: 404, Word: "secret_not_found"},
		Step{Name: "the secrets with a slash at the end", Call: plain(http.MethodGet, at+"/stores/$store/secrets/", ""), Status: 404,
			Differs: noIdentifier, Through: Answer{404, `"code":7000`}},
		Step{Name: "an upper-case account id", Call: plain(http.MethodGet, "/accounts/023E105F4ECEF8AD9CA31A8372D0C353/secrets_store/stores", ""), Status: 404, Word: `"code":7003`, Differs: anyName, Through: Answer{403, `"code":9109`}},
		Step{Name: "an account id with an escaped slash", Call: plain(http.MethodGet, "/accounts/a%2Fb/secrets_store/stores", ""), Status: 404, Differs: anyName, Through: Answer{403, `"code":9109`}},
	)
}

func queries() []Step {
	const secrets = at + "/stores/$store/secrets"
	good := []string{
		"?scopes=workers,dex", "?scopes=workers&scopes=dex", "?scopes=workers%2Cdex", "?scopes=", "?scopes=,", "?scopes=WORKERS",
		"?search=A", "?search=a+b", "?search=a%20b", "?search=", "?search=%e4%bd%a0", "?search=%00",
		"?unknown=1&page=1", "?page=01", "?per_page=100", "?per_page=101", "?", "?&&", "?page=1&",
		"?direction=asc", "?order=name&direction=desc", "?Page=x", "?order=", "?direction=",
	}
	bad := []string{
		"?page=abc", "?page=1.5", "?page=1e3", "?page=-1", "?page=99999999999999999999", "?page=4294967297", "?page=0x10", "?page=%201", "?page=",
		"?per_page=abc", "?per_page=-1", "?per_page=", "?order=Name", "?order=name,created", "?direction=ASC",
		"?page=x&per_page=y&order=z&direction=w", "?direction=w&order=z&per_page=y&page=x",
	}
	var steps []Step
	for _, q := range good {
		steps = append(steps, Step{Name: "list secrets " + q, Call: plain(http.MethodGet, secrets+q, ""), Status: 200})
	}
	for _, q := range bad {
		steps = append(steps, Step{Name: "list secrets " + q, Call: plain(http.MethodGet, secrets+q, ""), Status: 400, Word: "_invalid"})
	}
	for _, q := range []string{"?force=maybe", "?force=TRUE", "?force=1", "?force="} {
		steps = append(steps, Step{Name: "delete a store " + q, Call: plain(http.MethodDelete, at+"/stores/$extra"+q, ""), Status: 400, Word: "force_invalid"})
	}
	const page, order, force = "?page=1&page=2", "?order=name&order=name", "?force=true&force=false"
	return append(steps,
		Step{Name: "list secrets with two pages", Call: plain(http.MethodGet, secrets+page, ""), Status: 200, Differs: onceOnly, Through: Answer{400, "page_invalid"}},
		Step{Name: "list secrets in one order twice", Call: plain(http.MethodGet, secrets+order, ""), Status: 200, Differs: onceOnly, Through: Answer{400, "order_invalid"}},
		Step{Name: "delete a store with and without force", Call: plain(http.MethodDelete, at+"/stores/$extra"+force, ""), Status: 200, Differs: onceOnly, Through: Answer{400, "force_invalid"}},
		Step{Name: "list stores in an order of secrets", Call: plain(http.MethodGet, at+"/stores?order=status", ""), Status: 400, Word: "order_invalid"},
		Step{Name: "delete a full store without force", Call: plain(http.MethodDelete, at+"/stores/$store?force=false", ""), Status: 409, Word: "store_not_empty"},
		Step{Name: "accounts on a page of letters", Call: plain(http.MethodGet, "/accounts?page=x", ""), Status: 400, Word: "page_invalid"},
		Step{Name: "accounts past the end", Call: plain(http.MethodGet, "/accounts?page=2&per_page=50", ""), Status: 200, Word: `"result":[]`},
		Step{Name: "memberships past the end", Call: plain(http.MethodGet, "/memberships?page=2", ""), Status: 200, Word: `"result":[]`},
	)
}
