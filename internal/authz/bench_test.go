package authz_test

import (
	"fmt"
	"testing"

	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/authz"
)

// crowd is an engine with rules of other teams beside two that are about the
// caller of the questions.
func crowd(t testing.TB, others int) *authz.Engine {
	rules := `rules:
  - {id: own, actions: [secret.*], when: 'principal.tenant == "payments" && store == "default" && secret.startsWith("PAYMENTS_")'}
  - {id: everybody, actions: [store.get], when: 'store == "default"'}
`
	for i := range others {
		rules += fmt.Sprintf("  - {id: r%d, actions: [secret.*], when: 'principal.tenant == \"team-%d\" && store == \"default\" && secret.startsWith(\"T%d_\")'}\n", i, i, i)
	}
	engine, _, err := authz.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

var inTheCrowd = access.Principal{Name: "app", Tenant: "payments", Groups: []string{"a", "b"}}

func TestRulesOfOthersCostNothing(t *testing.T) {
	few, many := crowd(t, 5), crowd(t, 500)
	for name, q := range map[string]authz.Question{
		"allowed": {Principal: inTheCrowd, Action: "secret.get", Account: "main", Store: text("default"), Secret: text("PAYMENTS_DB")},
		"denied":  {Principal: inTheCrowd, Action: "secret.get", Account: "main", Store: text("default"), Secret: text("SEARCH_DB")},
	} {
		cost := func(e *authz.Engine) float64 { return testing.AllocsPerRun(20, func() { e.Decide(q) }) }
		if f, m := cost(few), cost(many); m > f {
			t.Errorf("%s: %.0f allocations with 5 rules of others, %.0f with 500", name, f, m)
		}
	}
}

// BenchmarkDecide has rules of other teams beside two of the caller's own: what
// a decision costs must not grow with their number.
func BenchmarkDecide(b *testing.B) {
	for _, others := range []int{10, 1_000, 10_000} {
		engine := crowd(b, others)
		for name, q := range map[string]authz.Question{
			"allowed": {Principal: inTheCrowd, Action: "secret.get", Account: "main", Store: text("default"), Secret: text("PAYMENTS_DB")},
			"denied":  {Principal: inTheCrowd, Action: "secret.get", Account: "main", Store: text("default"), Secret: text("SEARCH_DB")},
			"open":    {Principal: inTheCrowd, Action: "secret.get", Account: "main"},
		} {
			want := name == "allowed"
			b.Run(fmt.Sprintf("%s/%d", name, others), func(b *testing.B) {
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
