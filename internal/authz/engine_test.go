package authz_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
)

const common = `
rules:
  - {id: stores-are-seen, actions: [store.get, quota.get], when: "true"}
  - {id: payments-own-a-prefix, actions: [secret.*], when: 'principal.tenant == "payments" && store == "default" && secret.startsWith("PAYMENTS_")'}
  - {id: ci-creates, actions: [secret.create, secret.get], when: '"ci" in principal.groups && secret.startsWith("CI_") && scopes.all(s, s == "workers")'}
  - {id: readers-read, actions: ["*.get"], when: '"readers" in principal.groups'}
  - {id: admins, actions: ["*"], when: 'principal.name == "root"'}
  - {id: main-branch, actions: [secret.update], when: 'principal.claims.ref == "refs/heads/main"'}
`

func engine(t *testing.T, text string) *authz.Engine {
	t.Helper()
	e, _, err := authz.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func text(s string) *string { return &s }

func TestDecide(t *testing.T) {
	payments := authn.Principal{Name: "p", Tenant: "payments"}
	ci := authn.Principal{Name: "c", Groups: []string{"ci"}}
	cases := []struct {
		name string
		q    authz.Question
		rule string
	}{
		{"a team has its prefix", authz.Question{Principal: payments, Action: "secret.delete", Store: text("default"), Secret: text("PAYMENTS_X")}, "payments-own-a-prefix"},
		{"and no other", authz.Question{Principal: payments, Action: "secret.delete", Store: text("default"), Secret: text("SEARCH_X")}, ""},
		{"nor in another store", authz.Question{Principal: payments, Action: "secret.get", Store: text("other"), Secret: text("PAYMENTS_X")}, ""},
		{"another team does not", authz.Question{Principal: authn.Principal{Tenant: "search"}, Action: "secret.get", Store: text("default"), Secret: text("PAYMENTS_X")}, ""},
		{"a prefix is no right on the store", authz.Question{Principal: payments, Action: "store.delete", Store: text("default"), Secret: text("")}, ""},
		{"CI creates", authz.Question{Principal: ci, Action: "secret.create", Store: text("s"), Secret: text("CI_X"), Scopes: []string{"workers"}}, "ci-creates"},
		{"CI does not delete", authz.Question{Principal: ci, Action: "secret.delete", Store: text("s"), Secret: text("CI_X")}, ""},
		{"CI gives no other scope", authz.Question{Principal: ci, Action: "secret.create", Store: text("s"), Secret: text("CI_X"), Scopes: []string{"workers", "dex"}}, ""},
		{"readers read", authz.Question{Principal: authn.Principal{Groups: []string{"a", "readers"}}, Action: "secret.get", Store: text("s"), Secret: text("X")}, "readers-read"},
		{"readers do not write", authz.Question{Principal: authn.Principal{Groups: []string{"readers"}}, Action: "secret.update", Store: text("s"), Secret: text("X")}, ""},
		{"a name allows", authz.Question{Principal: authn.Principal{Name: "root"}, Action: "store.delete", Store: text("s"), Secret: text("")}, "admins"},
		{"a claim allows", authz.Question{Principal: authn.Principal{Claims: authn.NewClaims(map[string]any{"ref": "refs/heads/main"})}, Action: "secret.update", Store: text("s"), Secret: text("X")}, "main-branch"},
		{"a claim that is missing allows nothing", authz.Question{Principal: authn.Principal{Name: "x"}, Action: "secret.update", Store: text("s"), Secret: text("X")}, ""},
		{"a claim of another type allows nothing", authz.Question{Principal: authn.Principal{Claims: authn.NewClaims(map[string]any{"ref": 7})}, Action: "secret.update", Store: text("s"), Secret: text("X")}, ""},
		{"nobody may do what no rule is about", authz.Question{Principal: payments, Action: "store.create", Store: text("x"), Secret: text("")}, ""},
	}
	e := engine(t, common)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := e.Decide(c.q)
			if d.Rule != c.rule || d.Allowed != (c.rule != "") || d.NeedsName {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func TestAQuestionStaysOpenWhileANameCouldMatter(t *testing.T) {
	e := engine(t, common)
	payments := authn.Principal{Tenant: "payments"}
	if d := e.Decide(authz.Question{Principal: payments, Action: "secret.get"}); d.Allowed || !d.NeedsName {
		t.Errorf("a team with a prefix: %+v", d)
	}
	if d := e.Decide(authz.Question{Principal: authn.Principal{Tenant: "search"}, Action: "secret.get"}); d.Allowed || d.NeedsName {
		t.Errorf("a team without a rule: %+v", d)
	}
	if d := e.Decide(authz.Question{Principal: authn.Principal{Name: "root"}, Action: "secret.get"}); !d.Allowed {
		t.Errorf("a caller with every right: %+v", d)
	}
}

func TestMistakesInAPolicy(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"a word that is not declared", `rules: [{id: a, actions: ["*"], when: 'principal.tennant == "x"'}]`, "principal"},
		{"a value is nothing to judge by", `rules: [{id: a, actions: ["*"], when: 'value == "x"'}]`, "undeclared reference to 'value'"},
		{"an expression that is no answer", `rules: [{id: a, actions: ["*"], when: 'secret'}]`, "must be true or false"},
		{"no expression", `rules: [{id: a, actions: ["*"]}]`, "when is missing"},
		{"no id", `rules: [{actions: ["*"], when: "true"}]`, "id is missing"},
		{"no actions", `rules: [{id: a, when: "true"}]`, "actions is missing"},
		{"an action that does not exist", `rules: [{id: a, actions: [secret.read], when: "true"}]`, `there is no action "secret.read"`},
		{"one id twice", `rules: [{id: a, actions: ["*"], when: "true"}, {id: a, actions: ["*"], when: "true"}]`, "another rule"},
		{"too much work", `rules: [{id: a, actions: ["*"], when: 'scopes.all(a, scopes.all(b, scopes.all(c, a + b + c != secret)))'}]`, "too much work"},
		{"an unknown key", `rules: [{id: a, actions: ["*"], if: "true"}]`, "line 1: if: unknown key; the keys here are id, actions, when"},
		{"an empty file", "# soon\n", "must not be empty"},
		{"two documents", "rules: []\n---\nrules: []\n", "one YAML document"},
		{"every mistake is told", `rules: [{id: a, actions: [x], when: "true"}, {id: b, actions: ["*"], when: "1"}]`, "rules[1]"},
		{"a test that is denied", common + `tests: [{name: n, as: {tenant: search}, do: secret.get, on: {store: default, secret: PAYMENTS_X}, allow: payments-own-a-prefix}]`, `tests[0] "n": is denied`},
		{"a test that is allowed", common + `tests: [{name: n, as: {name: root}, do: secret.get, deny: true}]`, `is allowed by rule "admins"`},
		{"a test that is allowed by another rule", common + `tests: [{name: n, as: {name: root}, do: secret.get, allow: ci-creates}]`, `is allowed by rule "admins"`},
		{"a test that expects nothing", common + `tests: [{name: n, do: secret.get}]`, "either allow"},
		{"a test of no action", common + `tests: [{name: n, do: "secret.*", deny: true}]`, "there is no action"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := authz.Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAGoodTestPasses(t *testing.T) {
	engine(t, common+`
tests:
  - {name: own, as: {tenant: payments}, do: secret.create, on: {store: default, secret: PAYMENTS_X, scopes: [workers]}, allow: payments-own-a-prefix}
  - {name: not own, as: {tenant: payments}, do: secret.create, on: {store: default, secret: X}, deny: true}
`)
}

func TestNoRulesAllowNothing(t *testing.T) {
	if d := engine(t, "rules: []").Decide(authz.Question{Principal: authn.Principal{Name: "root"}, Action: "secret.get", Store: text(""), Secret: text("")}); d.Allowed {
		t.Error("an empty policy allows")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(common))
	f.Add([]byte("rules: [{id: a, actions: ['*'], when: 'secret.matches(\"a*\")'}]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		e, _, err := authz.Parse(data)
		if err == nil {
			e.Decide(authz.Question{Action: "secret.get", Store: text("s"), Secret: text("x")})
		}
	})
}

// TestEveryMistakeOfAPolicyHasItsLine wants no type of this program in a mistake, and what would be right.
func TestEveryMistakeOfAPolicyHasItsLine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.yaml")
	for text, want := range map[string][]string{
		"rules:\n  - {id: a, actions: secret.get, when: \"true\"}\n  - id: b\n    actions: [secret.get]\n    wenn: \"true\"\ntests:\n  - {name: n, as: {tenannt: x}, deny: maybe}\nbogus: 1\n": {
			"2: must be a list of texts, such as [a, b]",
			"5: wenn: unknown key; the keys here are id, actions, when",
			"7: tenannt: unknown key; the keys here are name, tenant, groups, claims, kind",
			"7: must be true or false",
			"8: bogus: unknown key; the keys here are rules, tests",
		},
		"rules:\n  - {id: a, actions: \"a\\nb\", when: \"true\"}\n\"x\\ny\": 1\n": {
			"2: must be a list of texts, such as [a, b]", "3: x y: unknown key; the keys here are rules, tests",
		},
		"rules: nonsense\n": {"1: must be a list of rules, each after a dash"},
		"rules:\n  - secret.get\ntests: {a: b}\n": {
			"2: must be KEY: VALUE, with the keys id, actions, when", "3: must be a list of tests, each after a dash",
		},
		"rules: [\n": {"1: is not YAML (did not find expected node content)"},
		"rules:\n  - {id: a, actions: [x], when: ''}\n\n  - {id: b, when: secret}\n": {
			`2: rules[0] "a": actions: there is no action "x"; there are operator.status, operator.tenants, account.get, `,
			`2: rules[0] "a": when is missing; it must say when the rule allows, such as principal.tenant == "payments", or true`,
			`4: rules[1] "b": actions is missing; it must list what the rule allows, such as secret.create or secret.*`,
			`4: rules[1] "b": when: must be true or false, and is of type string`,
		},
		"rules: []\ntests:\n  - {name: n, do: secret.get, allow: x}\n  - {name: m, do: secret.get, deny: true}\n  - name: o\n    do: secret.get\n": {
			`3: tests[0] "n": is denied`, `5: tests[2] "o": must have either allow`,
		},
		"": {" must not be empty"},
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := authz.ReadFile(name)
		if err == nil {
			t.Errorf("no mistake in\n%s", text)
			continue
		}
		got := strings.Split(err.Error(), "\n")
		if len(got) != len(want) {
			t.Errorf("got\n%s\nwant %d mistakes", err, len(want))
			continue
		}
		for i, line := range got {
			if !strings.HasPrefix(line, name+":"+want[i]) {
				t.Errorf("got  %s\nwant %s", line, want[i])
			}
		}
		if strings.Contains(err.Error(), "authz.") || strings.Contains(err.Error(), "!!") {
			t.Errorf("a type of the program in %s", err)
		}
	}
}
