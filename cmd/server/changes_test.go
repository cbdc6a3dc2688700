package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

const changesPolicy = `rules:
  - {id: platform, actions: ["*"], when: 'principal.name == "` + callerName + `"'}
  - {id: stores, actions: [store.get, account.get], when: "true"}
  - {id: search, actions: [secret.*], when: 'principal.tenant == "search" && secret.startsWith("SEARCH_")'}
  - {id: shared, actions: [secret.get], when: 'secret.startsWith("SHARED_")'}
`

// listChanges calls REST as a caller, and gRPC too for the usual caller.
func (p *program) listChanges(key string, query url.Values) []*storekeeperv1.Change {
	p.t.Helper()
	path := "/storekeeper/v1/changes?" + query.Encode()
	var got reply
	if key == callerKey {
		fields := map[string]any{}
		for name := range query {
			fields[name] = query.Get(name)
		}
		request, err := json.Marshal(fields)
		if err != nil {
			p.t.Fatal(err)
		}
		got = p.native("ChangeService/ListChanges", string(request), "GET", path, "")
	} else {
		got = p.do("GET", path, "", "Authorization: Bearer "+key)
	}
	var page storekeeperv1.ListChangesResponse
	if err := protojson.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
		p.t.Fatalf("%s: %d %s %v", path, got.status, got.body, err)
	}
	return page.GetChanges()
}

// told returns the compared part of changes.
func told(changes []*storekeeperv1.Change) []string {
	var all []string
	for _, c := range changes {
		var names []string
		for _, s := range c.GetSecrets() {
			names = append(names, s.GetName())
		}
		all = append(all, strings.TrimSpace(fmt.Sprint(c.GetAction(), " ", c.GetOutcome(), " ", c.GetBy().GetCaller(), " ", strings.Join(names, ","))))
	}
	return all
}

func asking(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestWhoChangedASecretOverBothProtocols(t *testing.T) {
	t.Parallel()
	for name, sets := range map[string]func(t *testing.T) []string{
		"files": func(*testing.T) []string { return nil },
		"postgres": func(t *testing.T) []string {
			t.Helper()
			return sharedSets(t, postgrestest.Start(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{callers: ofTenant("search"), policy: changesPolicy, sets: sets(t)})
			p.whoChanged(t)
			p.restart()
			p.findsAfterwards(t)
		})
	}
}

// whoChanged makes changes as two callers, and asks for them.
func (p *program) whoChanged(t *testing.T) {
	as := "Authorization: Bearer " + otherKey
	store := p.must("POST", "stores", `{"name":"shop"}`).id()
	secrets := "stores/" + store + "/secrets"
	p.must("POST", secrets, `[{"name":"PAY_KEY","value":"v","scopes":["workers"]},{"name":"SHARED_KEY","value":"v","scopes":["workers"]}]`)
	own := p.must("POST", secrets, `[{"name":"SEARCH_KEY","value":"v","scopes":["workers"]}]`, as).id()
	p.must("PATCH", secrets+"/"+own, `{"comment":"x"}`)
	p.must("DELETE", secrets+"/"+own, "", as)
	if got := p.do("DELETE", secrets+"/"+own, ""); got.status != http.StatusNotFound {
		t.Fatalf("%d %s", got.status, got.body)
	}
	const create, update, remove = "secret.create succeeded team-search SEARCH_KEY", "secret.update succeeded " + callerName + " SEARCH_KEY", "secret.delete succeeded team-search SEARCH_KEY"
	const failed = "secret.delete failed " + callerName + " SEARCH_KEY"
	both := "secret.create succeeded " + callerName + " PAY_KEY,SHARED_KEY"
	for what, c := range map[string]struct {
		key   string
		query url.Values
		want  []string
	}{
		"by name":                        {callerKey, asking("secret", "SEARCH_KEY", "outcome", "succeeded"), []string{remove, update, create}},
		"by identifier":                  {callerKey, asking("secret", own, "caller", "team-search"), []string{remove, create}},
		"by store":                       {callerKey, asking("store", "shop", "caller", callerName, "outcome", "succeeded"), []string{update, both, "store.create succeeded " + callerName}},
		"by the identifier of the store": {callerKey, asking("store", store, "tenant", "search"), []string{remove, create}},
		"by time":                        {callerKey, asking("secret", "SEARCH_KEY", "until", "1d"), nil},
		"since":                          {callerKey, asking("secret", "SHARED_KEY", "since", "1h", "account", accountID), []string{both}},
		"a tenant's own":                 {otherKey, asking(), []string{remove, create}},
		"a secret that a tenant changed": {otherKey, asking("secret", "SEARCH_KEY", "outcome", "succeeded"), []string{remove, update, create}},
		"another's secret":               {otherKey, asking("secret", "PAY_KEY"), nil},
		"a secret that it may read":      {otherKey, asking("secret", "SHARED_KEY"), []string{"secret.create succeeded " + callerName + " SHARED_KEY"}},
		"another's changes in a store":   {otherKey, asking("store", "shop", "caller", callerName, "outcome", "failed"), []string{failed}},
		"another's stores":               {otherKey, asking("store", "shop", "secret", "PAY_KEY"), nil},
		"another caller":                 {otherKey, asking("caller", callerName, "secret", "PAY_KEY"), nil},
	} {
		if got := told(p.in(t).listChanges(c.key, c.query)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
	p.shownInPart(t)
	p.refusedChanges(t)
}

// shownInPart checks a tenant's view of another tenant's change.
func (p *program) shownInPart(t *testing.T) {
	part := p.in(t).listChanges(otherKey, asking("secret", "SHARED_KEY"))
	if len(part) != 1 || part[0].GetBy().GetPeer() != "" || part[0].GetRequestId() != "" || part[0].GetIntentSeq() != 0 || part[0].GetOutcomeSeq() != 0 ||
		part[0].GetSecretCount() != 1 || part[0].GetRule() != "" {
		t.Errorf("another tenant sees %v", part)
	}
	all := p.in(t).listChanges(callerKey, asking("secret", "SHARED_KEY"))
	if len(all) != 1 || all[0].GetBy().GetPeer() == "" || all[0].GetRequestId() == "" || all[0].GetIntentSeq() == 0 || all[0].GetOutcomeSeq() <= all[0].GetIntentSeq() ||
		all[0].GetSecretCount() != 2 || all[0].GetStore().GetName() != "shop" || all[0].GetRule() != "platform" || all[0].GetEndTime() == nil {
		t.Errorf("an operator sees %v", all)
	}
}

func (p *program) refusedChanges(t *testing.T) {
	for query, reason := range map[string]string{
		"since=yesterday": "TIME_INVALID", "until=1y": "TIME_INVALID", "outcome=good": "OUTCOME_INVALID", "page_token=x": "PAGE_TOKEN_INVALID",
		"page_size=-1": "PAGE_SIZE_INVALID", "name=x": "PARAMETER_UNKNOWN", "page_size=many": "PAGE_SIZE_INVALID",
	} {
		got := p.do("GET", "/storekeeper/v1/changes?"+query, "")
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, reason) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if got := p.do("GET", "/storekeeper/v1/changes", "", "Authorization:"); got.status != http.StatusUnauthorized {
		t.Errorf("without a credential: %d", got.status)
	}
}

// findsAfterwards asks in a later life of the program, page by page.
func (p *program) findsAfterwards(t *testing.T) {
	p.await("the changes are indexed", func() bool { return p.do("GET", "/storekeeper/v1/changes", "").status == http.StatusOK })
	var all []string
	token := ""
	for {
		fields, err := json.Marshal(map[string]any{"page_size": 2, "page_token": token})
		if err != nil {
			t.Fatal(err)
		}
		got := p.native("ChangeService/ListChanges", string(fields), "GET", "/storekeeper/v1/changes?page_size=2&page_token="+token, "")
		var page storekeeperv1.ListChangesResponse
		if err := protojson.Unmarshal([]byte(got.body), &page); err != nil || len(page.GetChanges()) > 2 {
			t.Fatal(err, got.body)
		}
		all = append(all, told(page.GetChanges())...)
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(all) != 6 || !strings.HasPrefix(all[0], "secret.delete failed "+callerName) || all[5] != "store.create succeeded "+callerName {
		t.Errorf("all pages have %q", all)
	}
}

func TestATrailThatIsAStreamHasNoChangesToList(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"audit.sink=stdout", "audit.file="}})
	got := p.native("ChangeService/ListChanges", `{}`, "GET", "/storekeeper/v1/changes", "")
	if got.status != http.StatusNotImplemented || !strings.Contains(got.body, "TRAIL_NOT_KEPT") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
