package config_test

import (
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

func TestEachTenantHasOneIDAndEachIDOneTenant(t *testing.T) {
	const one, two, key = "callers.tenants[0].", "callers.tenants[1].", "callers.api_keys[0]."
	for name, c := range map[string]struct {
		sets []string
		want string
	}{
		"an id":                      {[]string{one + "name=a", one + "id=x"}, ""},
		"an id that is the name":     {[]string{one + "name=a", one + "id=a", key + "tenant=a"}, ""},
		"names that were swapped":    {[]string{one + "name=a", one + "id=b", two + "name=b", two + "id=a", key + "tenant=a"}, ""},
		"a name twice":               {[]string{one + "name=a", one + "id=x", two + "name=a", two + "id=y"}, "callers.tenants[1].name"},
		"an id twice":                {[]string{one + "name=a", one + "id=x", two + "name=b", two + "id=x"}, "callers.tenants[1].id"},
		"the tenant of a caller":     {[]string{one + "name=a", one + "id=x", key + "tenant=x"}, "callers.tenants[0].id: is the name of another tenant, in callers.api_keys[0].tenant"},
		"a caller without a tenant":  {[]string{one + "name=a", one + "id=team-payments", key + "name=team-payments"}, "callers.tenants[0].id"},
		"a caller's own name":        {[]string{one + "name=team-payments", one + "id=x", key + "name=team-payments"}, "callers.tenants[0].name: is the name of a caller without a tenant"},
		"no id":                      {[]string{one + "name=a"}, "callers.tenants[0].id"},
		"an id like a token caller":  {[]string{one + "name=a", one + "id=x:y"}, "callers.tenants[0].id"},
		"quotas by name and by id":   {[]string{one + "name=a", one + "id=x", "quotas[0].tenant=a", "quotas[0].stores=1", "quotas[1].tenant=x", "quotas[1].stores=1"}, "quotas[1].tenant"},
		"weights by name and by id":  {[]string{one + "name=a", one + "id=x", "budget.weights[0].tenant=x", "budget.weights[0].weight=2", "budget.weights[1].tenant=a", "budget.weights[1].weight=2"}, "budget.weights[1].tenant"},
		"a quota by the id":          {[]string{one + "name=a", one + "id=x", "quotas[0].tenant=x", "quotas[0].stores=1"}, ""},
		"the quota of other tenants": {[]string{one + "name=a", one + "id=x", "quotas[0].tenant=a", "quotas[0].stores=1", "quotas[1].tenant=b", "quotas[1].stores=1"}, ""},
	} {
		_, err := config.Load(minimal, c.sets)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want a mistake at %q", name, err, c.want)
		}
	}
}

func TestATenantHasItsNameAsIDUnlessAnotherIsGiven(t *testing.T) {
	c, err := config.Load(minimal, []string{"callers.tenants[0].name=billing", "callers.tenants[0].id=payments"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"billing": "payments", "payments": "payments", "search": "search"} {
		if got := c.Callers.TenantID(name); got != want {
			t.Errorf("%s has the id %s, want %s", name, got, want)
		}
	}
}
