package authz_test

import (
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
)

// TestAQuestionBeyondTheAssumedSizesIsMetered asks a rule that is cheap for valid names. For a name that is
// too long for any request, the rule exceeds the cost limit and allows nothing.
func TestAQuestionBeyondTheAssumedSizesIsMetered(t *testing.T) {
	engine, _, err := authz.Parse([]byte(`rules: [{id: all, actions: ["*"], when: 'secret.contains("x") || principal.tenant == "a"'}]`))
	if err != nil {
		t.Fatal(err)
	}
	long, store := strings.Repeat("n", 1<<20), "default"
	groups := make([]string, 1_000_000)
	for name, c := range map[string]struct {
		secret  string
		groups  []string
		allowed bool
	}{
		"a name":                     {"NAME", nil, true},
		"the longest name":           {strings.Repeat("n", 255), nil, true},
		"a name that nobody can use": {long, nil, false},
		"many groups":                {"NAME", groups, true},
	} {
		d := engine.Decide(authz.Question{
			Principal: authn.Principal{Name: "app", Tenant: "a", Groups: c.groups}, Action: "secret.get", Account: "main", Store: &store, Secret: &c.secret,
		})
		if d.Allowed != c.allowed {
			t.Errorf("%s: allowed %t", name, d.Allowed)
		}
	}
}
