package authz_test

import (
	"fmt"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
)

// The rules of a crowd that are not about the questions that are asked, each
// kind for another reason.
var others = map[string]string{
	"other tenants": `{id: r%d, actions: [secret.*], when: 'principal.tenant == "team-%[1]d" && store == "default" && secret.startsWith("T%[1]d_")'}`,
	"other groups":  `{id: r%d, actions: [secret.*], when: '"group-%[1]d" in principal.groups && scopes.all(s, s == "workers")'}`,
	"other claims":  `{id: r%d, actions: [secret.*], when: 'principal.kind == "jwt" && principal.claims.repository == "other/app-%[1]d"'}`,
	"other actions": `{id: r%d, actions: [store.get, secret.delete], when: 'principal.tenant == "payments" && secret != "T%[1]d"'}`,
	"other stores":  `{id: r%d, actions: [secret.*], when: 'principal.tenant == "payments" && store == "store-%[1]d" && secret.startsWith("T")'}`,
}

// crowd is an engine with two rules about the caller of the questions and so
// many of a kind that are not.
func crowd(t testing.TB, kind string, many int) *authz.Engine {
	t.Helper()
	var b strings.Builder
	b.WriteString(`rules:
  - {id: own, actions: [secret.*], when: 'principal.tenant == "payments" && store == "default" && secret.startsWith("PAYMENTS_")'}
  - {id: everybody, actions: [store.get], when: 'store == "default"'}
`)
	for i := range many {
		fmt.Fprintf(&b, "  - "+others[kind]+"\n", i)
	}
	engine, _, err := authz.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// toCrowd are the questions to a crowd.
func toCrowd() map[string]authz.Question {
	caller := authn.Principal{Name: "app", Tenant: "payments", Groups: []string{"a", "b"}, Kind: "jwt", Claims: authn.NewClaims(map[string]any{"repository": "payments/app"})}
	return map[string]authz.Question{
		"allowed": {Principal: caller, Action: "secret.get", Account: "main", Store: text("default"), Secret: text("PAYMENTS_DB")},
		"denied":  {Principal: caller, Action: "secret.get", Account: "main", Store: text("default"), Secret: text("SEARCH_DB")},
		"open":    {Principal: caller, Action: "secret.get", Account: "main"},
	}
}

func TestRulesOfOthersCostNothing(t *testing.T) {
	for kind := range others {
		few, many := crowd(t, kind, 5), crowd(t, kind, 500)
		for name, q := range toCrowd() {
			cost := func(e *authz.Engine) float64 { return testing.AllocsPerRun(20, func() { e.Decide(q) }) }
			if f, m := cost(few), cost(many); m > f {
				t.Errorf("%s, %s: %.0f allocations with 5 rules, %.0f with 500", kind, name, f, m)
			}
		}
	}
}

// BenchmarkDecide has many irrelevant rules beside two relevant rules. The cost of a decision must not grow
// with their number.
func BenchmarkDecide(b *testing.B) {
	for kind := range others {
		for _, many := range []int{10, 1_000, 10_000} {
			engine := crowd(b, kind, many)
			for name, q := range toCrowd() {
				want := name == "allowed"
				b.Run(fmt.Sprintf("%s/%s/%d", strings.ReplaceAll(kind, " ", "-"), name, many), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if engine.Decide(q).Allowed != want {
							b.Fatal("another decision")
						}
					}
				})
			}
		}
	}
}

// BenchmarkParse has rules of the same form, as most are.
func BenchmarkParse(b *testing.B) {
	for _, many := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				crowd(b, "other tenants", many)
			}
		})
	}
}
