package main

import (
	"net/http"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

// Cloudflare's message may name a secret that the caller may not see.
func TestMessagesOfAListDoNotReachWhoSeesAPartOfIt(t *testing.T) {
	t.Parallel()
	p := start(t, setup{policy: `rules: [{id: some, actions: ["*"], when: 'secret.startsWith("SEEN_")'}, {id: stores, actions: ["store.*"], when: "true"}]`})
	w := p.given("secret")
	p.inject(emulator.Fault{Kind: emulator.KindRemarks, Operation: "secrets-store-secrets-list", Messages: `[{"code":1000,"message":"taken is deprecated"}]`})
	if got := p.must("GET", "stores/"+w.store+"/secrets", ""); len(got.Messages) != 0 || strings.Contains(got.body, "taken") {
		t.Errorf("got %s", got.body)
	}
}

// What stands behind a machine word may be the name of another caller's secret.
func TestASecondErrorNamesNothingThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	p.inject(emulator.Fault{Kind: emulator.KindStatus, Status: http.StatusBadRequest, Operation: "secrets-store-secret-create",
		Body: failureOf(`{"code":1001,"message":"secret_scopes_empty"},{"code":1003,"message":"secret_name_already_exists: OF_ANOTHER_TEAM"}`)})
	got := p.do("POST", "stores/"+w.store+"/secrets", `[{"name":"A","value":"v","scopes":["dex"]}]`)
	if strings.Contains(got.body, "OF_ANOTHER_TEAM") || !strings.Contains(got.body, "secret_scopes_empty") || !strings.Contains(got.body, "secret_name_already_exists") {
		t.Errorf("got %s", got.body)
	}
}

// An error that is known by its code or its status is told once, in the words that
// its fault has, with what Cloudflare said beyond them.
func TestAnErrorThatIsKnownByItsCodeIsToldOnce(t *testing.T) {
	t.Parallel()
	for word, f := range map[string]emulator.Fault{
		"upstream_throttled": {Status: http.StatusTooManyRequests, Body: failureOf(remark(971, "More than 1200 requests") + "," + remark(4711, "and more"))},
		"store_not_found":    {Status: http.StatusNotFound, Body: failureOf(remark(1000, "not found") + "," + remark(4711, "and more"))},
	} {
		p := start(t, setup{})
		w := p.given("store")
		f.Kind, f.Operation = emulator.KindStatus, "secrets-store-get-store-by-id"
		p.inject(f)
		got := p.do("GET", "stores/"+w.store, "", "Cache-Control: no-cache")
		if len(got.Errors) != 2 || !strings.HasPrefix(got.Errors[0].Message, word) || got.Errors[1].Message != "and more" || strings.Count(got.body, "documentation_url") != 2 {
			t.Errorf("got %s", got.body)
		}
	}
}

func failureOf(errors string) string {
	return `{"result":null,"success":false,"errors":[` + errors + `],"messages":[]}`
}

func TestAnAnswerFromNearHasTheMessagesOfItsListing(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	for path, operation := range map[string]string{
		"stores": "secrets-store-list", "stores/" + w.store + "/secrets": "secrets-store-secrets-list", "quota": "secrets-store-quota",
	} {
		p.inject(emulator.Fault{Kind: emulator.KindRemarks, Operation: operation, Messages: "[" + remark(2001, "said beside it") + "]", Times: 1})
		first := p.must("GET", path, "")
		asked := p.cf.Calls(operation)
		second := p.must("GET", path, "")
		if len(first.Messages) != 1 || len(second.Messages) != 1 || p.cf.Calls(operation) != asked {
			t.Errorf("%s: first %s, second %s", path, first.body, second.body)
		}
	}
}
