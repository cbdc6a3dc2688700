package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyOperatorsSeeStorekeeperItself(t *testing.T) {
	t.Parallel()
	p := teams(t)
	p.secret(p.store(), "PAY_A")
	for _, key := range []string{callerKey, otherKey} {
		for rpc, path := range map[string]string{"OperatorService/GetStatus": "/storekeeper/v1/status", "OperatorService/ListTenants": "/storekeeper/v1/tenants"} {
			got := p.nativeAs(key, rpc, `{}`, "GET "+path)
			if got.status != http.StatusForbidden || !strings.Contains(got.body, `"action":"operator.`) {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	}
	got := p.nativeAs(opsKey, "OperatorService/GetStatus", `{}`, "GET /storekeeper/v1/status")
	var status struct {
		Checks       []struct{ Ok, Advisory bool }
		Budgets      []struct{ Credential string }
		Store, Trail struct{ Healthy bool }
		Policy       struct {
			Digest, LastError string
			Rules             int
		}
		Replicas               []struct{ Self bool }
		OpenChanges            *int
		Version, Replica, Time string
	}
	if err := json.Unmarshal([]byte(got.body), &status); err != nil {
		t.Fatalf("%v in %s", err, got.body)
	}
	switch {
	case !status.Store.Healthy, !status.Trail.Healthy, len(status.Checks) < 3, len(status.Budgets) != 1 || status.Budgets[0].Credential != "main",
		status.OpenChanges == nil || *status.OpenChanges != 0, len(status.Replicas) != 1 || !status.Replicas[0].Self,
		status.Policy.Rules != 4, !strings.HasPrefix(status.Policy.Digest, "sha256:"), status.Policy.LastError != "", status.Replica == "":
		t.Errorf("the status is %s", got.body)
	}
	p.writeFile(filepath.Join(p.folder, "policy.yaml"), "rules: [")
	p.await("the broken policy is seen", func() bool {
		now := p.do("GET", "/storekeeper/v1/status", "", "Authorization: Bearer "+opsKey)
		_, policy, _ := strings.Cut(now.body, `"policy":{`)
		policy, _, _ = strings.Cut(policy, "}")
		return strings.Contains(policy, `"lastError":"`) && !strings.Contains(policy, `"lastError":""`) && strings.Contains(policy, status.Policy.Digest)
	})
}

func TestOperatorsListTenantsInPages(t *testing.T) {
	t.Parallel()
	p := teams(t, "quotas[0].tenant=team-payments", "quotas[0].secrets=5", "budget.weights[0].tenant=heavy", "budget.weights[0].weight=3")
	p.secret(p.store(), "PAY_A")
	first := p.nativeAs(opsKey, "OperatorService/ListTenants", `{"pageSize":2}`, "GET /storekeeper/v1/tenants?page_size=2")
	var page struct {
		Tenants []struct {
			Name   string
			Weight float64
		}
		NextPageToken string
	}
	if err := json.Unmarshal([]byte(first.body), &page); err != nil || len(page.Tenants) != 2 || page.Tenants[0].Name != "heavy" || page.Tenants[0].Weight != 3 || page.Tenants[1].Name != "ops" {
		t.Fatalf("%v in %s", err, first.body)
	}
	rest := p.nativeAs(opsKey, "OperatorService/ListTenants", `{"pageToken":"`+page.NextPageToken+`"}`, "GET /storekeeper/v1/tenants?page_token="+page.NextPageToken)
	if !strings.Contains(rest.body, `{"tenants":[{"name":"search","weight":1,`) || !strings.Contains(rest.body, `{"name":"team-payments","weight":1,"accounts":[{"account":"main","secrets":{"used":1,"limit":5},`) || !strings.Contains(rest.body, `"nextPageToken":""`) {
		t.Errorf("the second page is %s", rest.body)
	}
	if got := p.nativeAs(opsKey, "OperatorService/ListTenants", `{"pageToken":"!"}`, "GET /storekeeper/v1/tenants?page_token=!"); !strings.Contains(got.body, "PAGE_TOKEN_INVALID") {
		t.Errorf("a token that is none: %s", got.body)
	}
}

func TestTheStatusTellsOfAConfigurationThatIsNotInForce(t *testing.T) {
	t.Parallel()
	p := teams(t, "callers.tenants[0].name=search", "callers.tenants[0].id=find", "quotas[0].tenant=find", "quotas[0].stores=1")
	before, err := os.ReadFile(p.file)
	must(t, err)
	files := func() string {
		got := p.do("GET", "/storekeeper/v1/status", "", "Authorization: Bearer "+opsKey)
		_, list, _ := strings.Cut(got.body, `"files":`)
		return list
	}
	if got := files(); !strings.Contains(got, `"kind":"configuration"`) || !strings.Contains(got, `"lastError":""`) || !strings.Contains(got, `"restartKeys":[]`) {
		t.Errorf("at the start: %s", got)
	}
	p.replace("config.yaml", string(before)+"oops: 1\n")
	p.await("the status tells of the mistake", func() bool { return strings.Contains(files(), "oops: unknown key") })
	p.replace("config.yaml", string(before)+"reads: {max_staleness: 29s}\n")
	p.await("the status names the key", func() bool { return strings.Contains(files(), `"restartKeys":["reads.max_staleness"]`) })
	tenants := p.do("GET", "/storekeeper/v1/tenants", "", "Authorization: Bearer "+opsKey)
	if !strings.Contains(tenants.body, `"name":"search"`) || strings.Contains(tenants.body, `"name":"find"`) {
		t.Errorf("a quota by the id gives the tenant another name: %s", tenants.body)
	}
}
