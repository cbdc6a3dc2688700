package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// twoTeams are rules for two teams and an operator.
const twoTeams = `rules:
  - {id: pay, actions: [secret.*], when: 'principal.name == "team-payments" && store == "default_secrets_store" && secret.startsWith("PAY_")'}
  - {id: look, actions: [store.*], when: 'principal.name == "team-payments"'}
  - {id: find, actions: ["*"], when: 'principal.tenant == "search" && store == "search_store"'}
  - {id: run, actions: [operator.*], when: 'principal.name == "ops"'}
`

const opsKey = "sk_operator-key-7Gt3kQ2m"

// teams starts a program with both teams and an operator.
func teams(t *testing.T, sets ...string) *program {
	t.Helper()
	ops := fmt.Sprintf("\n  - {name: ops, sha256: %x}", sha256.Sum256([]byte(opsKey)))
	return start(t, setup{policy: twoTeams, callers: ofTenant("search") + ops, sets: sets})
}

func TestATeamListsItsOwnPermissions(t *testing.T) {
	t.Parallel()
	p := teams(t)
	got := p.nativeAs(callerKey, "SelfService/ListPermissions", `{}`, "GET /storekeeper/v1/me/permissions")
	for _, want := range []string{
		`{"rule":"pay","actions":["secret.create","secret.get","secret.update","secret.delete","secret.duplicate"],"condition":"store == \"default_secrets_store\" && secret.startsWith(\"PAY_\")",` +
			`"account":"","store":"default_secrets_store","secret":"","secretPrefix":"PAY_","hidden":false}`,
		`{"rule":"look","actions":["store.create","store.get","store.delete"],"condition":"",`, `"policy":"sha256:`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
	if strings.Contains(got.body, "search") || strings.Contains(got.body, "ops") {
		t.Errorf("it is about others: %s", got.body)
	}
	first := p.nativeAs(callerKey, "SelfService/ListPermissions", `{"pageSize":1}`, "GET /storekeeper/v1/me/permissions?page_size=1")
	var page struct{ NextPageToken string }
	if err := json.Unmarshal([]byte(first.body), &page); err != nil || page.NextPageToken == "" {
		t.Fatalf("%v in %s", err, first.body)
	}
	next := p.nativeAs(callerKey, "SelfService/ListPermissions", `{"pageSize":1,"pageToken":"`+page.NextPageToken+`"}`, "GET /storekeeper/v1/me/permissions?pageSize=1&pageToken="+page.NextPageToken)
	if !strings.Contains(next.body, `"rule":"look"`) || !strings.Contains(next.body, `"nextPageToken":""`) {
		t.Errorf("the second page is %s", next.body)
	}
	for _, token := range []string{"x", "-1", "1-0123456789abcdef"} {
		if got := p.nativeAs(callerKey, "SelfService/ListPermissions", `{"pageToken":"`+token+`"}`, "GET /storekeeper/v1/me/permissions?page_token="+token); !strings.Contains(got.body, "PAGE_TOKEN_INVALID") {
			t.Errorf("token %s: %s", token, got.body)
		}
	}
}

func TestATeamTriesWhatItMayDo(t *testing.T) {
	t.Parallel()
	p := teams(t)
	store := p.store()
	secret := p.secret(store, "PAY_A")
	storeID, secretID := strings.TrimPrefix(store, "stores/"), secret[strings.LastIndex(secret, "/")+1:]
	for check, want := range map[string]string{
		`"action":"secret.get","account":"main","store":"default_secrets_store","secret":"PAY_B"`:      `{"allowed":true,"rule":"pay","reason":""}`,
		`"action":"secret.get","account":"main","store":"` + storeID + `","secret":"` + secretID + `"`: `{"allowed":true,"rule":"pay","reason":""}`,
		`"action":"secret.get","account":"main","store":"` + storeID + `","secret":"OTHER"`:            `{"allowed":false,"rule":"","reason":"NOT_ALLOWED"}`,
		`"action":"secret.get","account":"main","store":"` + noSuchID + `","secret":"PAY_A"`:           `{"allowed":false,"rule":"","reason":"STORE_NOT_FOUND"}`,
		`"action":"secret.get","account":"main","store":"` + storeID + `","secret":"` + noSuchID + `"`: `{"allowed":false,"rule":"","reason":"SECRET_NOT_FOUND"}`,
		`"action":"secret.get","account":"main","store":"default_secrets_store"`:                       `{"allowed":false,"rule":"","reason":"NAME_NEEDED"}`,
		`"action":"secret.get","account":"elsewhere","store":"x","secret":"y"`:                         `{"allowed":false,"rule":"","reason":"ACCOUNT_NOT_ALLOWED"}`,
		`"action":"store.delete","account":"` + accountID + `","store":"anything"`:                     `{"allowed":true,"rule":"look","reason":""}`,
		`"action":"quota.get","account":"main"`:                                                        `{"allowed":false,"rule":"","reason":"NOT_ALLOWED"}`,
		`"action":"operator.status"`:                                                                   `{"allowed":false,"rule":"","reason":"NOT_ALLOWED"}`,
	} {
		body := `{"checks":[{` + check + `}]}`
		if got := p.nativeAs(callerKey, "SelfService/TestPermissions", body, "POST /storekeeper/v1/me/permissions:test "+body); !strings.Contains(got.body, want) {
			t.Errorf("%s: %s, want %s", check, got.body, want)
		}
	}
	for body, want := range map[string]string{
		`{"checks":[]}`:                        "checks: must have at least 1 item",
		`{"checks":[{"action":"secret.put"}]}`: "checks[0].action: must be one of account.get, ",
		`{"checks":[{"action":"secret.get"}]}`: "checks[0].account: must not be empty",
		`{"checks":[{"action":"secret.get","account":"main","store":"s","secret":"` + noSuchID + `"}]}`: "checks[0].secret: is an identifier, so the store must be given by its identifier too",
	} {
		if got := p.nativeAs(callerKey, "SelfService/TestPermissions", body, "POST /storekeeper/v1/me/permissions:test "+body); got.status != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestATeamSeesItsOwnUsage(t *testing.T) {
	t.Parallel()
	p := teams(t, "quotas[0].tenant=team-payments", "quotas[0].secrets=5", "quotas[1].tenant=search", "quotas[1].stores=7")
	p.secret(p.store(), "PAY_A")
	mine := p.nativeAs(callerKey, "SelfService/GetUsage", `{}`, "GET /storekeeper/v1/me/usage")
	if !strings.Contains(mine.body, `{"tenant":"team-payments","accounts":[{"account":"main","secrets":{"used":1,"limit":5},"budget":{"calls":`) {
		t.Errorf("its usage is %s", mine.body)
	}
	theirs := p.nativeAs(otherKey, "SelfService/GetUsage", `{}`, "GET /storekeeper/v1/me/usage")
	if !strings.Contains(theirs.body, `{"tenant":"search","accounts":[{"account":"main","stores":{"used":0,"limit":7},"budget":`) {
		t.Errorf("the other's usage is %s", theirs.body)
	}
	nobody := p.nativeAs(opsKey, "SelfService/GetUsage", `{}`, "GET /storekeeper/v1/me/usage")
	if nobody.body != `{"tenant":"ops","accounts":[]}` {
		t.Errorf("who has no right in an account sees %s", nobody.body)
	}
}

// cloudflareSecret makes a secret as the platform and gives its path.
func (p *program) cloudflareSecret(store, name string) string {
	p.t.Helper()
	made := p.cloudflare("POST", "/"+store+"/secrets", `[{"name":"`+name+`","value":"v","scopes":["workers"]}]`)
	return store + "/secrets/" + identifier.FindStringSubmatch(made)[1]
}

func TestADenialLeadsToTestPermissions(t *testing.T) {
	t.Parallel()
	p := teams(t)
	store := p.store()
	secretID := strings.TrimPrefix(p.cloudflareSecret(store, "OTHER"), store+"/secrets/")
	storeID := strings.TrimPrefix(store, "stores/")
	refused := p.send(context.Background(), "SecretsStoreService/GetSecret", &secretsstorev1.GetSecretRequest{AccountId: "main", StoreId: storeID, SecretId: secretID})
	facts := refused.info.GetMetadata()
	if refused.code != codes.PermissionDenied || facts["action"] != "secret.get" || facts["account"] != "main" || facts["store"] != storeID || facts["secret"] != secretID || facts["decision"] == "" {
		t.Fatalf("%v with %v", refused.err, facts)
	}
	delete(facts, "decision")
	check, err := json.Marshal(map[string]any{"checks": []any{facts}})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.nativeAs(callerKey, "SelfService/TestPermissions", string(check), "POST /storekeeper/v1/me/permissions:test "+string(check)); !strings.Contains(got.body, `"reason":"NOT_ALLOWED"`) {
		t.Errorf("%s: %s", check, got.body)
	}
}
