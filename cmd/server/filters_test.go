package main

import (
	"context"
	"net/http"
	"path"
	"testing"

	"google.golang.org/grpc/codes"
)

// Clients take the first item of a filtered list for the wanted object.
func TestAListShowsNothingThatItsFilterLeavesOut(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	store := p.store()
	p.must("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`)
	for path, want := range map[string]int{
		"/client/v4/accounts?name=main":                           1,
		"/client/v4/accounts?name=nobody":                         0,
		"/client/v4/accounts?name=mai":                            0,
		"/client/v4/memberships?name=main":                        1,
		"/client/v4/memberships?name=nobody":                      0,
		"/client/v4/memberships?account.name=main&order=id":       1,
		"/client/v4/memberships?account.name=nobody":              0,
		"/client/v4/memberships?status=pending":                   0,
		"/client/v4/memberships?status=accepted&direction=desc":   1,
		store + "/secrets?search=A":                               1,
		store + "/secrets?search=nothing":                         0,
		store + "/secrets?scopes=ai_gateway":                      0,
		store + "/secrets?scopes=workers,ai_gateway&search=other": 0,
	} {
		got := p.must("GET", path, "")
		if items, _ := got.Result.([]any); len(items) != want {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func TestAFilterThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	store := p.store()
	for at, word := range map[string]string{
		"/client/v4/accounts?name=%zz":                "name",
		"/client/v4/accounts?name=a;b=c":              "name",
		"/client/v4/accounts?x=1;name=staging":        "name",
		"/client/v4/accounts?name=a&name=b":           "name",
		"/client/v4/accounts?name=":                   "name",
		"/client/v4/accounts?name":                    "name",
		"/client/v4/accounts?name=%ff":                "name",
		"/client/v4/memberships?account.name=%ff":     "account.name",
		"/client/v4/memberships?name=":                "name",
		"/client/v4/memberships?account.name=&page=1": "account.name",
		"/client/v4/accounts?direction=up":            "direction",
		"/client/v4/memberships?account.name=%":       "account.name",
		"/client/v4/memberships?status=unknown":       "status",
		"/client/v4/memberships?order=account":        "order",
		store + "/secrets?search=%e":                  "search",
		store + "/secrets?search=%ff":                 "search",
		store + "/secrets?search=a&search=b":          "search",
		store + "/secrets?scopes=%25&direction=%%25":  "direction",
		store + "?force=yes":                          "force",
	} {
		method := http.MethodGet
		if word == "force" {
			method = http.MethodDelete
		}
		got := p.do(method, at, "")
		if got.status != http.StatusBadRequest || len(got.messages()) == 0 || got.messages()[0][:len(word)+1] != word+":" {
			t.Errorf("%s: %d %s", at, got.status, got.body)
		}
	}
	for rpc, request := range map[string]string{
		"ListAccounts": `{"direction":"up"}`, "ListMemberships": `{"status":"unknown"}`,
		"ListSecrets": `{"account_id":"main","store_id":"` + path.Base(store) + `","scopes":[""]}`,
	} {
		if got := p.call(context.Background(), rpc, request); got.code != codes.InvalidArgument || len(got.fields) != 1 {
			t.Errorf("%s: %v", rpc, got.err)
		}
	}
}
