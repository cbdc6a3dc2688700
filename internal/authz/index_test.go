package authz_test

import (
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
)

func TestTheFirstRuleOfTheFileDecidesWhereverItIsFiled(t *testing.T) {
	everything := authn.Principal{Name: "app", Tenant: "payments", Groups: []string{"ci", "ops"}, Claims: authn.NewClaims(map[string]any{"ref": "main"})}
	whens := []string{
		`principal.claims.ref == "main"`, `"ops" in principal.groups`, `store == "default"`, `principal.name == "app"`, `true`,
		`principal.tenant == "payments" && store == "default"`, `"ci" in principal.groups && store == "default"`, `principal.tenant == "payments"`,
	}
	for first := range whens {
		var rules []authz.Rule
		for i := range whens {
			at := (first + i) % len(whens)
			rules = append(rules, authz.Rule{ID: whens[at], Actions: []string{"secret.get"}, When: whens[at]})
		}
		e, err := authz.NewEngine(rules)
		if err != nil {
			t.Fatal(err)
		}
		if d := e.Decide(authz.Question{Principal: everything, Action: "secret.get", Store: text("default"), Secret: text("X")}); d.Rule != whens[first] {
			t.Errorf("rule %q comes first, and %q decides", whens[first], d.Rule)
		}
	}
}

func TestWhatStaysOpenForWhom(t *testing.T) {
	e := engine(t, `
rules:
  - {id: store, actions: [store.get], when: 'principal.tenant == "payments" && store == "default"'}
  - {id: secret, actions: [secret.get], when: 'principal.tenant == "payments" && store == "default" && secret.startsWith("P_")'}
  - {id: claim, actions: [secret.get], when: 'principal.claims.ref == "main" && secret.startsWith("M_")'}
`)
	payments := authn.Principal{Tenant: "payments"}
	cases := []struct {
		name string
		q    authz.Question
		open bool
	}{
		{"a store that is not named", authz.Question{Principal: payments, Action: "store.get"}, true},
		{"another action", authz.Question{Principal: payments, Action: "store.delete"}, false},
		{"another tenant", authz.Question{Principal: authn.Principal{Tenant: "search"}, Action: "store.get"}, false},
		{"secrets that are not named", authz.Question{Principal: payments, Action: "secret.get", Store: text("default")}, true},
		{"nor in another store, which makes an empty list", authz.Question{Principal: payments, Action: "secret.get", Store: text("other")}, true},
		{"all names are known", authz.Question{Principal: payments, Action: "secret.get", Store: text("other"), Secret: text("P_X")}, false},
		{"the claim", authz.Question{Principal: authn.Principal{Claims: authn.NewClaims(map[string]any{"ref": "main"})}, Action: "secret.get"}, true},
		{"another value of the claim", authz.Question{Principal: authn.Principal{Claims: authn.NewClaims(map[string]any{"ref": "dev"})}, Action: "secret.get"}, false},
		{"no claim", authz.Question{Action: "secret.get"}, false},
		{"a claim that is no text", authz.Question{Principal: authn.Principal{Claims: authn.NewClaims(map[string]any{"ref": []any{"main"}})}, Action: "secret.get"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if d := e.Decide(c.q); d.Allowed || d.NeedsName != c.open {
				t.Errorf("got %+v", d)
			}
		})
	}
}
