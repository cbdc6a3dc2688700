package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The tests of this file and of its neighbours go by the points of "what a
// wire-compatible facade must do" in the facts about Cloudflare's API.

func TestFact01TheTreeIsServedAsClientsSpellIt(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	tree := "/accounts/" + accountID + "/secrets_store/stores"
	for name, prefix := range map[string]string{
		"as it is":                          "/client/v4",
		"with a slash at the end of a base": "/client/v4/",
		"with several":                      "/client/v4///",
		"with slashes before everything":    "//client/v4",
	} {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			p.given("nothing")
			p.must("POST", prefix+tree, `{"name":"x"}`)
			if stores, _ := p.cf.Counts(accountID); stores != 1 {
				t.Errorf("%d stores were made", stores)
			}
		})
	}
	// A redirect would turn POST into GET, and an empty identifier must not
	// become another path.
	for _, path := range []string{
		"/client/v4" + tree + "/", "/client/v4" + tree + "//secrets", "/client/v4" + tree + "/../stores", "/client/v4" + tree + "/x/",
		"/client/v4/accounts//secrets_store/stores", "/client/v4", "/client/v4/", "/client/v4//", "/", "", "/client//v4",
	} {
		got := p.do("POST", p.absolute(path), `{"name":"x"}`)
		if got.status != http.StatusNotFound || got.errors()[0] != "7000 No route for that URI" {
			t.Errorf("%q: %d %s", path, got.status, got.body)
		}
	}
}

func TestTheRootSaysWhereTheAPIIs(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	const want = "7000 No route for that URI: the APIs are below /client/v4 and /storekeeper/v1, their description at /openapi.json and their explorer at /docs"
	if got := p.do("GET", "/", ""); got.status != http.StatusNotFound || got.errors()[0] != want {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// absolute marks a path as not relative to the secrets store.
func (*program) absolute(path string) string { return "/" + strings.TrimPrefix(path, "/") }

func TestFact01ABaseWithoutThePrefixIsNoMissingObject(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	// Terraform removes an object from its state after a 404.
	for _, path := range []string{"/accounts/" + accountID + "/secrets_store/stores", "/v4/accounts/x/secrets_store/quota", "/user/tokens/verify"} {
		got := p.do("GET", path, "")
		if got.status != http.StatusBadRequest || !strings.Contains(got.errors()[0], "must end in /client/v4") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestFact02AnyContentTypeIsTaken(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	const value = `a=b&c=%41;+"` // what a form would be taken apart at
	for _, kind := range []string{
		"", "application/json", "application/json; charset=utf-8", "text/plain;charset=UTF-8",
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data",
		"application/grpc", "text/html", ";;;", "application/merge-patch+json",
	} {
		t.Run(kind, func(t *testing.T) {
			p := p.in(t)
			w := p.given("secret")
			header := "Content-Type: " + kind
			secrets := "stores/" + w.store + "/secrets"
			body := `[{"name":"A","value":"a=b&c=%41;+\"","scopes":["dex"]}]`
			made := p.must("POST", secrets, body, header).id()
			if got, _ := p.cf.Value(accountID, w.store, "A"); got != value {
				t.Errorf("the value became %q", got)
			}
			p.must("PATCH", secrets+"/"+w.secret, `{"value":"a=b&c=%41;+\"","comment":"x"}`, header)
			if got, _ := p.cf.Value(accountID, w.store, "taken"); got != value {
				t.Errorf("the value became %q", got)
			}
			p.must("POST", secrets+"/"+made+"/duplicate", `{"name":"B","scopes":["dex"]}`, header)
			p.must("DELETE", secrets, `{"ids":["`+made+`"]}`, header)
		})
	}
}

func TestFact02ABodyOfUnknownLengthIsTaken(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	// A reader that is no more than a reader is sent in chunks.
	body := struct{ *strings.Reader }{strings.NewReader(`{"name":"x"}`)}
	got, err := p.try(context.Background(), "POST", "stores", struct{ chunks }{body})
	if err != nil || got.status != http.StatusOK {
		t.Errorf("%v %d %s", err, got.status, got.body)
	}
}

type chunks interface{ Read([]byte) (int, error) }

func TestFact03QueriesAreReadAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("full")
	p.learn(w)
	// A query without a certain answer in the cache is sent to Cloudflare unchanged.
	for _, tc := range []struct{ name, query, upstream, found string }{
		{"scopes once for each", "?scopes=workers&scopes=dex", "scopes=workers,dex", "more-2 more-1 taken"},
		{"scopes with commas", "?scopes=workers,dex", "scopes=workers,dex", "more-2 more-1 taken"},
		{"scopes in both ways", "?scopes=workers,dex&scopes=access", "scopes=workers,dex,access", "more-2 more-1 taken"},
		{"scopes with an escaped comma", "?scopes=workers%2Cdex", "scopes=workers,dex", "more-2 more-1 taken"},
		{"scopes with nothing between commas", "?scopes=,dex,", "", "more-2 more-1"},
		{"no scopes", "?scopes=", "", "more-2 more-1 taken"},
		{"a blank as plus", "?search=two+words", "", "more-1"},
		{"a blank as percent", "?search=two%20words", "", "more-1"},
		{"a plus", "?search=two%2Bwords", "", ""},
		{"an order and a direction", "?order=name&direction=asc", "", "more-1 more-2 taken"},
		{"an order of which little is known", "?order=comment&direction=asc", "order=comment&direction=asc", "more-2 taken more-1"},
		{"a page", "?page=2&per_page=2&order=name&direction=asc", "", "taken"},
		{"keys that nobody knows", "?page=1&force=true&account_id=x&store_id=y&update_mask=z&search%5B%5D=no&X=1&secrets=q", "", "more-2 more-1 taken"},
		{"keys of another case", "?PAGE=7&Search=nothing", "", "more-2 more-1 taken"},
		{"what cannot be unescaped, of a key that nobody knows", "?a=%zz&page=1&=&&", "", "more-2 more-1 taken"},
		{"a semicolon between keys that nobody knows", "?a=1;b=nothing", "", "more-2 more-1 taken"},
		{"what may have a meaning", "?search=%25+*&page=1", "page=1&search=%25+%2A", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := p.in(t)
			before := len(p.cf.Requests())
			got := p.must("GET", "stores/"+w.store+"/secrets"+tc.query, "")
			same(t, "found", strings.Join(namesOf(got), " "), tc.found)
			var asked string
			for _, r := range p.cf.Requests()[before:] {
				asked += r.Query
			}
			same(t, "asked", asked, tc.upstream)
		})
	}
}

func namesOf(r reply) []string {
	var list []string
	for _, item := range r.Result.([]any) {
		list = append(list, text(item.(map[string]any)["name"]))
	}
	return list
}

func TestFact03AQueryThatCannotBeReadNamesEveryKey(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	for query, want := range map[string][]string{
		"?page=1.0&per_page=x": {"1001 page_invalid", "1001 per_page_invalid"},
		"?page=99999999999":    {"1001 page_invalid"},
		"?page=":               {"1001 page_invalid"},
		"?page=1&page=2":       {"1001 page_invalid"},
		"?order=a&page=x&direction=b&per_page=-1": {
			"1001 page_invalid", "1001 per_page_invalid", "1001 order_invalid", "1001 direction_invalid"},
	} {
		got := p.do("GET", "stores/"+w.store+"/secrets"+query, "")
		if got.status != http.StatusBadRequest || !slices.Equal(got.errors(), want) || len(got.Messages) != len(want) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if got := p.do("DELETE", "stores/"+w.store+"?force=yes", ""); got.status != http.StatusBadRequest || got.messages()[0] != "force: must be true or false" {
		t.Errorf("force=yes: %d %s", got.status, got.body)
	}
	if stores, secrets := p.cf.Counts(accountID); stores != 1 || secrets != 1 {
		t.Errorf("%d stores and %d secrets are left", stores, secrets)
	}
}

func TestFact03HeadersThatNobodyKnowsAreIgnored(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	p.must("POST", "stores", `{"name":"x"}`,
		"Grpc-Timeout: 1n", "Grpc-Metadata-X-Request-Id: forged", "X-HTTP-Method-Override: DELETE", "Accept: text/html",
		"Accept-Encoding: br", "api-version: 2026-11-22", "X-Stainless-Retry-Count: 0", "If-Match: x", "TE: trailers", "Range: bytes=0-1")
	if stores, _ := p.cf.Counts(accountID); stores != 1 {
		t.Errorf("%d stores were made", stores)
	}
}

func TestFact04EveryRefusalIsAnEnvelope(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	secret := "stores/" + w.store + "/secrets/" + w.secret
	for _, tc := range []struct {
		name, method, path string
		status             int
		want, allow        string
	}{
		{"no route", "GET", "/nope", 404, "7000 No route for that URI", ""},
		{"no route below the tree", "GET", secret + "/versions", 404, "7000 No route for that URI", ""},
		{"a path with a colon", "GET", secret + ":purge", 404, "1001 secret_not_found", ""},
		{"put", "PUT", secret, 405, "7001 Method not allowed for this URI", "DELETE, GET, PATCH"},
		{"get where only post is", "GET", secret + "/duplicate", 405, "7001 Method not allowed for this URI", "POST"},
		{"options", "OPTIONS", "stores", 405, "7001 Method not allowed for this URI", "GET, POST"},
		{"a method of no standard", "BREW", "stores/" + w.store, 405, "7001 Method not allowed for this URI", "DELETE, GET"},
		{"patch of a list", "PATCH", "stores/" + w.store + "/secrets", 405, "7001 Method not allowed for this URI", "DELETE, GET, POST"},
		{"post to the quota", "POST", "quota", 405, "7001 Method not allowed for this URI", "GET"},
		{"post to the user", "POST", "/client/v4/user", 405, "7001 Method not allowed for this URI", "GET"},
		{"another file of the documents", "GET", "/docs/nope", 404, "7000 No route for that URI", ""},
		{"a way out of the documents", "GET", "/docs/../openapi.json", 404, "7000 No route for that URI", ""},
		{"post to the document", "POST", "/openapi.json", 405, "7001 Method not allowed for this URI", "GET, HEAD"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := p.in(t).do(tc.method, tc.path, "")
			if got.status != tc.status || len(got.Errors) != 1 || got.errors()[0] != tc.want || got.header.Get("Allow") != tc.allow {
				t.Errorf("%d %s, Allow %q", got.status, got.body, got.header.Get("Allow"))
			}
		})
	}
	if got := p.do("HEAD", "stores", ""); got.status != http.StatusMethodNotAllowed || got.header.Get("Content-Type") != "application/json" || got.body != "" {
		t.Errorf("HEAD: %d %v %q", got.status, got.header, got.body)
	}
}

func TestFact04TheDocumentsNeedNoCredential(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for path, kind := range map[string]string{"/openapi.json": "application/json", "/docs": "text/html; charset=utf-8"} {
		got := p.do("GET", path, "", "Authorization: ")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != kind {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
}
