package authz_test

import (
	"fmt"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
)

// The ways in which rules are written, and some that no rule may be.
var expressions = []string{
	`true`, `principal.tenant == "payments"`, `"payments" == principal.tenant`, `principal.tenant=='payments'&&store=="default"`,
	`principal.tenant == "payments" && store == "default" && secret.startsWith("PAY_")`,
	`"ci" in principal.groups && scopes.all(s, s == "workers")`, `scopes.exists(s, s in ["dex", "workers"])`,
	`principal.claims.ref == "main"`, `principal.claims["ref"] == "main"`, `principal.claims.ref in ["main", 'dev']`, `has(principal.claims.ref) && principal.claims.ref != "dev"`,
	`principal.claims.n == "7" || principal.claims.n == 7`, `principal.claims.deep.er == "x"`, `principal.kind == "jwt" ? store == "a" : store == "default"`,
	`store in {"default": true, "other": false}`, `{"default": "PAY_X"}[store] == secret`, `secret == "PAY" + "_" + "X"`, `secret > "P" && secret < "Q" && size("ab") == 2`,
	`secret.matches("^PAY_[A-Z]$")`, `secret.matches("(")`, `int("7") == 7`, `int("x") == 7`, `duration("1h") > duration("1s")`, `timestamp("no") != timestamp("no")`,
	`store == "it's"`, `store == 'say "x"'`, `store == r"default"`, `store == """default"""`, `store == ""`, `store == "def\x61ult"`, `b"a" == b"a"`, "store == \"def\nault\"",
	`principal.claims."ref" == "main"`, `size"ab" == 2`, `store == "default`, `store == "default" "x"`, `principal."tenant" == "a"`, `secret == "@text0"`, `@text0 == "default"`, `text0 == "x"`,
	`"payments"`, `store == 'default' // and nothing else`, `principal.tenant == "payments" && principal.tenant == "search"`, `!(store == "default")`,
	`scopes.all(a, scopes.all(b, scopes.all(c, a + b + c != "x")))`, "principal.claims.`ref` == 'main'", `store == "` + strings.Repeat("x", 300) + `"`,
	`store in ["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q","default"]`, `secret.contains("A") && secret.endsWith("X")`, `type(store) == type("a")`, `dyn("default") == store`,
}

func questions() []authz.Question {
	list := []authz.Question{{Action: "secret.get"}, {Action: "store.get"}, {Action: "nothing.such"}}
	for _, p := range []authn.Principal{
		{Name: "app", Tenant: "payments", Groups: []string{"ci", "a"}, Kind: "jwt", Claims: authn.NewClaims(map[string]any{"ref": "main", "n": "7", "deep": map[string]any{"er": "x"}})},
		{Tenant: "search", Kind: "api_key", Claims: authn.NewClaims(map[string]any{"ref": 7.0, "n": 7.0})},
	} {
		for _, store := range []string{"default", "it's", `say "x"`, ""} {
			q := authz.Question{Principal: p, Action: "secret.get", Account: "main", Store: &store, Scopes: []string{"workers"}}
			list = append(list, q)
			q.Secret = text("PAY_X")
			list = append(list, q)
		}
	}
	return list
}

// outcome returns the error or the decision of a policy with one rule.
func outcome(expression string) string {
	engine, err := authz.NewEngine([]authz.Rule{{ID: "r", Actions: []string{"secret.*"}, When: expression}})
	if err != nil {
		return "refused"
	}
	var b strings.Builder
	for _, q := range questions() {
		fmt.Fprintf(&b, "%+v ", engine.Decide(q))
	}
	return b.String()
}

// unshared is the same expression, in a form that is never shared.
func unshared(expression string) string { return expression + " // alone" }

func TestARuleMeansTheSameInAFormThatItShares(t *testing.T) {
	for _, e := range expressions {
		if got, want := outcome(e), outcome(unshared(e)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", e, got, want)
		}
	}
}

func FuzzForms(f *testing.F) {
	for _, e := range expressions {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		if got, want := outcome(expression), outcome(unshared(expression)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestRulesOfOneFormKeepTheirOwnTexts(t *testing.T) {
	var rules []authz.Rule
	for i := range 20 {
		rules = append(rules, authz.Rule{ID: fmt.Sprint(i), Actions: []string{"secret.get"}, When: fmt.Sprintf(`secret == "S%d" && store.startsWith('T%d_')`, i, i)})
	}
	e, err := authz.NewEngine(rules)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		q := authz.Question{Action: "secret.get", Store: text(fmt.Sprintf("T%d_", i)), Secret: text(fmt.Sprintf("S%d", i))}
		if d := e.Decide(q); d.Rule != fmt.Sprint(i) {
			t.Errorf("%d: %+v", i, d)
		}
		q.Secret = text(fmt.Sprintf("S%d", i+1))
		if d := e.Decide(q); d.Allowed {
			t.Errorf("the store of one rule and the secret of another: %+v", d)
		}
	}
}
