package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/config"
)

// keyEntry is an entry of callers.file for a key.
func keyEntry(name, key, more string) string {
	return fmt.Sprintf("- {name: %s, sha256: %x%s}\n", name, sha256.Sum256([]byte(key)), more)
}

// replace replaces a file of the program all at once, as most tools do.
func (p *program) replace(name, content string) {
	p.t.Helper()
	fresh := filepath.Join(p.folder, name+".fresh")
	p.writeFile(fresh, content)
	must(p.t, os.Rename(fresh, filepath.Join(p.folder, name)))
}

// trailLines is the audit trail.
func (p *program) trailLines() string {
	p.t.Helper()
	var text []byte
	p.await("the trail has the reload", func() bool {
		var err error
		text, err = os.ReadFile(filepath.Join(p.folder, "audit.log"))
		return err == nil && bytes.Contains(text, []byte(`"kind":"reload"`))
	})
	return string(text)
}

func TestABrokenCallersFileChangesNothingAndIsSeen(t *testing.T) {
	t.Parallel()
	good := "api_keys:\n" + keyEntry(callerName, callerKey, "")
	p := start(t, setup{callersFile: good})
	p.replace("callers.yaml", good+"- {name: team-search, sha256: "+otherKey+"}\n")
	const told = "the changed callers file cannot be used; the content before stays in force"
	p.await("log and metric tell", func() bool {
		return p.out.line(told) != nil && p.metric(`storekeeper_files_failing{kind="callers"} 1`)
	})
	line := text(p.out.line(told)["error"])
	if !strings.Contains(line, "callers.yaml:3: callers.api_keys[1].sha256: must be the SHA-256 of the key") {
		t.Errorf("the log says %s", line)
	}
	if got := p.do("GET", "stores", ""); got.status != http.StatusOK {
		t.Errorf("a key of before: %d %s", got.status, got.body)
	}
	if got := p.do("GET", "stores", "", "Authorization: Bearer "+otherKey); got.status != http.StatusUnauthorized {
		t.Errorf("a key of the broken file: %d %s", got.status, got.body)
	}
	if lines := p.trailLines(); !strings.Contains(lines, `"outcome":"failed","reason":"RELOAD_REFUSED"`) {
		t.Errorf("the trail is %s", lines)
	}
	p.replace("callers.yaml", good+keyEntry("team-search", otherKey, ""))
	p.await("the next key is in force", func() bool {
		return p.do("GET", "stores", "", "Authorization: Bearer "+otherKey).status == http.StatusOK
	})
	p.await("the metric tells", func() bool { return p.metric(`storekeeper_files_failing{kind="callers"} 0`) })
	p.mustHideNothing("the log", p.out.String())
	if n := strings.Count(p.out.String(), told); n != 1 {
		t.Errorf("the failure is told %d times", n)
	}
}

func TestLiveKeysOfTheConfigurationAreTakenOverAndOthersAreNamed(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{askEachTime, manyCalls, anyPace}})
	store := p.store()
	create := func(name string) int {
		return p.do("POST", store+"/secrets", fmt.Sprintf(`[{"name":%q,"value":"v","scopes":["workers"]}]`, name)).status
	}
	if got := create("ONE"); got != http.StatusOK {
		t.Fatal(got)
	}
	before, err := os.ReadFile(p.file)
	must(t, err)
	text := strings.Replace(string(before), "name: "+accountName, "name: "+accountName+"\n    display_name: Main Inc.", 1)
	p.replace("config.yaml", text+"quotas: [{tenant: "+callerName+", secrets: 0}]\nreads: {max_staleness: 7s}\nbudget: {max_wait: 19s}\n")
	p.await("the warning comes", func() bool {
		return p.out.line("these keys of the configuration were changed and need a restart") != nil
	})
	if got := p.out.line("these keys of the configuration were changed and need a restart")["keys"]; fmt.Sprint(got) != "[budget.max_wait]" {
		// --set has the other.
		t.Errorf("the warning names %v", got)
	}
	if got := create("TWO"); got != http.StatusBadRequest {
		t.Errorf("beyond the quota: %d", got)
	}
	if got := p.do("GET", "/client/v4/accounts", ""); !strings.Contains(got.body, `"name":"Main Inc."`) {
		t.Errorf("accounts: %s", got.body)
	}
	p.replace("config.yaml", string(before))
	p.await("it is as before", func() bool { return create("TWO") == http.StatusOK })
}

func TestAnExpiredKeyIsRefusedOverBothProtocols(t *testing.T) {
	t.Parallel()
	p := start(t, setup{callersFile: "api_keys:\n" + keyEntry(callerName, callerKey, "") +
		keyEntry("old", "key-old", ", expires: 2026-01-01T00:00:00Z") + keyEntry("next", "key-next", ", not_before: 2999-01-01T00:00:00Z") +
		keyEntry("now", "key-now", ", not_before: 2026-01-01T00:00:00Z, expires: 2999-01-01T00:00:00Z")})
	for key, want := range map[string]string{"key-old": "CREDENTIAL_EXPIRED", "key-next": "CREDENTIAL_NOT_YET_VALID", "key-now": ""} {
		got := p.invoke(with(key), "ListStores", &secretsstorev1.ListStoresRequest{AccountId: "main"})
		if got.info.GetReason() != want {
			t.Errorf("%s over gRPC: %v", key, got.err)
		}
		answer := p.do("GET", "stores", "", "Authorization: Bearer "+key)
		if (answer.status == http.StatusOK) != (want == "") || want != "" && answer.status != http.StatusUnauthorized {
			t.Errorf("%s over REST: %d %s", key, answer.status, answer.body)
		}
	}
	if got := p.do("GET", "/client/v4/user/tokens/verify", "", "Authorization: Bearer key-now"); !strings.Contains(got.body, `"expires_on":"2999-01-01T00:00:00.000000Z"`) {
		t.Errorf("verify: %s", got.body)
	}
}

func TestQuotasAndWeightsAreKeptByTheIDsOfTenants(t *testing.T) {
	c, err := config.Dev([]string{"callers.tenants[0].name=new", "callers.tenants[0].id=old", "quotas[0].tenant=new", "quotas[0].stores=1", "budget.weights[0].tenant=new", "budget.weights[0].weight=3"})
	must(t, err)
	if got := quotaRules(c)[0].Tenant; got != "old" || weightsOf(c)["old"] != 3 || tenantID(c.Callers, "new") != "old" || tenantID(c.Callers, "other") != "" {
		t.Errorf("the quota is of %s, the weights are %v", got, weightsOf(c))
	}
}

// A name may pass from one tenant to another, but earlier changes stay with the
// first tenant.
func TestARenamedTenantSeesItsChangesAndTheNextOfItsNameDoesNot(t *testing.T) {
	t.Parallel()
	first := "api_keys:\n" + keyEntry(callerName, callerKey, "")
	p := start(t, setup{callersFile: first + keyEntry("team-search", otherKey, ", tenant: search"), policy: `rules:
  - {id: platform, actions: ["*"], when: 'principal.name == "` + callerName + `"'}
  - {id: teams, actions: [store.get, secret.create], when: 'principal.tenant != ""'}
`})
	secrets := p.store() + "/secrets"
	create := func(key, name string) {
		p.must("POST", secrets, `[{"name":"`+name+`","value":"v","scopes":["workers"]}]`, "Authorization: Bearer "+key)
	}
	create(otherKey, "OLD")
	p.replace("callers.yaml", "tenants: [{name: find, id: search}, {name: search, id: search-2}]\n"+first+
		keyEntry("team-search", otherKey, ", tenant: find")+keyEntry("newcomer", "key-new", ", tenant: search"))
	p.await("the names are in force", func() bool { return p.out.line("the changed callers file is in force") != nil })
	create(otherKey, "RENAMED")
	create("key-new", "NEW")
	for _, c := range []struct {
		key, tenant string
		want        []string
	}{
		{otherKey, "", []string{"secret.create succeeded team-search RENAMED", "secret.create succeeded team-search OLD"}},
		{otherKey, "find", []string{"secret.create succeeded team-search RENAMED", "secret.create succeeded team-search OLD"}},
		{"key-new", "", []string{"secret.create succeeded newcomer NEW"}},
		{"key-new", "search", []string{"secret.create succeeded newcomer NEW"}},
		{callerKey, "search-2", []string{"secret.create succeeded newcomer NEW"}},
	} {
		query := asking()
		if c.tenant != "" {
			query = asking("tenant", c.tenant)
		}
		if got := told(p.listChanges(c.key, query)); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s asks for %q: got %q, want %q", c.key, c.tenant, got, c.want)
		}
	}
	if lines := p.trailLines(); !strings.Contains(lines, `"tenant":"find","tenant_id":"search"`) {
		t.Errorf("the trail is %s", lines)
	}
}
