package main

import (
	"encoding/json"
	"net/http"
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
		return strings.Contains(now.body, `"lastError":"`) && !strings.Contains(now.body, `"lastError":""`) && strings.Contains(now.body, status.Policy.Digest)
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
