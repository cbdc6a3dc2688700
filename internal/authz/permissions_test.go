package authz_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
)

func rulesOf(t *testing.T, whens ...string) *authz.Engine {
	t.Helper()
	var rules []authz.Rule
	for i, when := range whens {
		rules = append(rules, authz.Rule{ID: fmt.Sprintf("r%d", i), Actions: []string{"*"}, When: when})
	}
	e, err := authz.NewEngine(rules)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// conditionOf returns the condition of one rule for an action. It is "never" or "always" in the extreme
// cases.
func conditionOf(t *testing.T, when string, p authn.Principal, action string) string {
	t.Helper()
	list, _ := rulesOf(t, when).Permissions(p, 0, 100)
	for _, one := range list {
		switch {
		case !slices.Contains(one.Actions, action):
		case one.Hidden:
			return "hidden"
		case one.Condition == "":
			return "always"
		default:
			return one.Condition
		}
	}
	return "never"
}

func TestConditions(t *testing.T) {
	payments := authn.Principal{Name: "p", Tenant: "payments", Groups: []string{"deployers"}, Kind: authn.KindJWT, Claims: authn.NewClaims(map[string]any{"ref": "main", "n": 7})}
	for _, tc := range []struct{ name, when, action, want string }{
		{"nothing is asked", `true`, "secret.get", "always"},
		{"the caller is another", `principal.tenant == "search" && store == "x"`, "secret.get", "never"},
		{"the caller is this one", `principal.tenant == "payments"`, "secret.get", "always"},
		{"what is known of the caller goes", `principal.tenant == "payments" && store == "default" && secret.startsWith("PAY_")`, "secret.get", `store == "default" && secret.startsWith("PAY_")`},
		{"names are made of the caller's", `secret.startsWith(principal.tenant + "_")`, "secret.get", `secret.startsWith("payments_")`},
		{"a store has no secret", `store == "default" && secret == ""`, "store.get", `store == "default"`},
		{"so a rule about secrets says nothing of it", `secret.startsWith("PAY_")`, "store.get", "never"},
		{"an account has no store", `account == "main" && store == ""`, "quota.get", `account == "main"`},
		{"only some actions give scopes", `scopes.all(s, s == "workers")`, "secret.create", `scopes.all(s, s == "workers")`},
		{"the others give none", `scopes.all(s, s == "workers")`, "secret.delete", "always"},
		{"the action is known", `action == "secret.get" || store == "own"`, "secret.delete", `store == "own"`},
		{"and allows", `action == "secret.get" || store == "own"`, "secret.get", "always"},
		{"another tenant's half is not shown", `principal.tenant == "search" && store == "s" || principal.tenant == "payments" && store == "p"`, "secret.get", `store == "p"`},
		{"nor its branch", `store == "shared" ? principal.tenant in ["payments", "search"] : principal.tenant == "search"`, "secret.get", `(store == "shared") ? true : false`},
		{"nor its entry", `store in {"payments": ["a", "b"], "search": ["c"]}[principal.tenant]`, "secret.get", `store in ["a", "b"]`},
		{"a claim", `principal.claims.ref == "main" && store == "x"`, "secret.get", `store == "x"`},
		{"a claim that is missing", `principal.claims.sha == "main" && store == "x"`, "secret.get", "never"},
		{"beside another way", `principal.claims.sha == "main" || store == "x"`, "secret.get", `store == "x"`},
		{"a negation of a claim that is missing", `!(principal.claims.sha == "main") && store == "x"`, "secret.get", "never"},
		{"a group", `"deployers" in principal.groups && store == "x"`, "secret.get", `store == "x"`},
		{"a loop over the groups", `principal.groups.exists(g, g == "deployers") && store == "x"`, "secret.get", `store == "x"`},
		{"a loop over scopes that asks for the caller", `scopes.all(s, s == principal.tenant || principal.tenant == "search")`, "secret.create", "hidden"},
		{"a regular expression", `secret.matches("^PAY_[0-9]+$") && principal.tenant == "payments"`, "secret.get", `secret.matches("^PAY_[0-9]+$")`},
		{"a quote in a name", `store == "a'b" && secret == 'c"d'`, "secret.get", `store == "a'b" && secret == "c\"d"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := conditionOf(t, tc.when, payments, tc.action); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestPermissionsNameWhatTheyAreNarrowedTo(t *testing.T) {
	list, _ := rulesOf(t, `principal.tenant == "a" && account == "main" && "default" == store && secret.startsWith("A_") && secret != "A_X"`).
		Permissions(authn.Principal{Tenant: "a"}, 0, 10)
	for _, one := range list {
		if slices.Contains(one.Actions, "secret.get") {
			if one.Account != "main" || one.Store != "default" || one.SecretPrefix != "A_" || one.Secret != "" {
				t.Errorf("got %+v", one)
			}
			return
		}
	}
	t.Errorf("got %+v", list)
}

func TestPermissionsComeInPages(t *testing.T) {
	whens := slices.Repeat([]string{`principal.tenant == "a"`, `principal.tenant == "b"`}, 25)
	e := rulesOf(t, whens...)
	var seen []string
	for from, pages := 0, 0; ; pages++ {
		list, next := e.Permissions(authn.Principal{Tenant: "a"}, from, 10)
		for _, one := range list {
			seen = append(seen, one.Rule)
		}
		if next == 0 {
			if pages != 2 {
				t.Errorf("%d pages before the last", pages)
			}
			break
		}
		from = next
	}
	if len(seen) != 25 || seen[0] != "r0" || seen[24] != "r48" {
		t.Errorf("got %d: %v", len(seen), seen)
	}
}

func TestAStarGivesNoRightsOnStorekeeper(t *testing.T) {
	for pattern, want := range map[string]bool{"*": false, "*.status": false, "operator.*": true, "operator.status": true, "operator.tenants": false} {
		e, err := authz.NewEngine([]authz.Rule{{ID: "r", Actions: []string{pattern}, When: "true"}})
		if err != nil {
			if want {
				t.Error(err)
			}
			continue
		}
		if got := e.Decide(authz.Question{Action: "operator.status", Store: text(""), Secret: text("")}).Allowed; got != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
}

// TestPermissionsSayWhatDecisionsSay compares permissions with decisions for random rules, callers and
// objects: a rule allows an action on an object exactly if the condition of its permission is true for the
// object.
func TestPermissionsSayWhatDecisionsSay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	var condition func(depth int) string
	condition = func(depth int) string {
		if depth > 0 {
			switch random.IntN(5) {
			case 0:
				return "(" + condition(depth-1) + " && " + condition(depth-1) + ")"
			case 1:
				return "(" + condition(depth-1) + " || " + condition(depth-1) + ")"
			case 2:
				return "!(" + condition(depth-1) + ")"
			case 3:
				return "(" + condition(depth-1) + " ? " + condition(depth-1) + " : " + condition(depth-1) + ")"
			}
		}
		return pick(`principal.tenant == "a"`, `principal.name == "n"`, `"g" in principal.groups`, `principal.claims.c == "x"`, `principal.kind == "jwt"`,
			`store == "s"`, `secret.startsWith("A")`, `secret == "AB"`, `account == "main"`, `action == "secret.get"`, `store == principal.tenant`,
			`scopes.all(s, s == "w")`, `scopes.exists(s, s == principal.tenant)`, `secret.startsWith(principal.tenant)`, `"w" in scopes`)
	}
	compared, shown := 0, 0
	for range 400 {
		when := condition(3)
		e, err := authz.NewEngine([]authz.Rule{{ID: "r", Actions: []string{"*"}, When: when}})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		p := authn.Principal{Name: pick("n", "m"), Tenant: pick("a", "s", ""), Groups: []string{pick("g", "h")}, Kind: authn.CredentialKind(pick("jwt", "mtls"))}
		if random.IntN(2) == 0 {
			p.Claims = authn.NewClaims(map[string]any{"c": pick("x", "y")})
		}
		list, _ := e.Permissions(p, 0, 10)
		for _, action := range []string{"secret.get", "secret.create", "store.get", "quota.get"} {
			at := slices.IndexFunc(list, func(one authz.Permission) bool { return slices.Contains(one.Actions, action) })
			q := authz.Question{Principal: p, Action: action, Account: pick("main", "other"), Store: text(""), Secret: text("")}
			if action != "quota.get" {
				q.Store = text(pick("s", "a", "x"))
			}
			if strings.HasPrefix(action, "secret.") {
				q.Secret = text(pick("AB", "A", "B", "a1"))
			}
			if action == "secret.create" {
				q.Scopes = [][]string{nil, {"w"}, {"w", "a"}}[random.IntN(3)]
			}
			want := e.Decide(q).Allowed
			got := false
			if at >= 0 {
				if list[at].Hidden {
					continue
				}
				shown++
				got = holds(t, list[at].Condition, q)
			}
			if compared++; got != want {
				t.Errorf("%s\nas %+v\nfor %s on %q %q %q %v: decided %v, the permissions are %+v", when, p, action, q.Account, *q.Store, *q.Secret, q.Scopes, want, list)
			}
		}
	}
	if compared < 800 || shown < 200 {
		t.Errorf("only %d were compared, %d of them with a condition", compared, shown)
	}
}

// holds evaluates a condition for an object and an unknown caller.
func holds(t *testing.T, condition string, q authz.Question) bool {
	t.Helper()
	if condition == "" {
		return true
	}
	if strings.Contains(condition, "principal") {
		t.Errorf("the condition is about the caller: %s", condition)
	}
	e, err := authz.NewEngine([]authz.Rule{{ID: "r", Actions: []string{q.Action}, When: condition}})
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	q.Principal = authn.Principal{}
	return e.Decide(q).Allowed
}
