package spending_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/spending"
)

func flows(of map[string]budget.Flow) spending.Want { return spending.Want{Flows: of} }

func TestSlotsGoWhereFairSharesOfTenantsWait(t *testing.T) {
	t.Parallel()
	waits := func(n float64) budget.Flow { return budget.Flow{Waiting: n} }
	weight := func(tenant string) float64 {
		if tenant == "heavy" {
			return 3
		}
		return 1
	}
	// Of 960 slots, idle replicas keep 960/48 = 20 together.
	for name, test := range map[string]struct {
		wants []spending.Want
		want  []int
	}{
		"nobody wants any":            {make([]spending.Want, 4), []int{240, 240, 240, 240}},
		"one wants all":               {[]spending.Want{flows(map[string]budget.Flow{"a": waits(1)}), {}}, []int{950, 10}},
		"one tenant at each":          {[]spending.Want{flows(map[string]budget.Flow{"a": waits(1)}), flows(map[string]budget.Flow{"b": waits(100)})}, []int{480, 480}},
		"three tenants beside one":    {[]spending.Want{flows(map[string]budget.Flow{"a": waits(9), "b": waits(1), "c": waits(4)}), flows(map[string]budget.Flow{"d": waits(9)})}, []int{715, 245}},
		"one tenant at both":          {[]spending.Want{flows(map[string]budget.Flow{"a": waits(30)}), flows(map[string]budget.Flow{"a": waits(10)})}, []int{715, 245}},
		"a heavy tenant":              {[]spending.Want{flows(map[string]budget.Flow{"heavy": waits(1)}), flows(map[string]budget.Flow{"b": waits(1)})}, []int{715, 245}},
		"one that has what it wants":  {[]spending.Want{flows(map[string]budget.Flow{"a": {Used: 79.2}}), flows(map[string]budget.Flow{"b": waits(1)})}, []int{110, 850}},
		"one that has more than fair": {[]spending.Want{flows(map[string]budget.Flow{"a": {Used: 900}}), flows(map[string]budget.Flow{"b": waits(1)})}, []int{480, 480}},
		"small tenants":               {[]spending.Want{{Small: 80}, flows(map[string]budget.Flow{"b": waits(1)})}, []int{110, 850}},
	} {
		if got := spending.Allocate(960, test.wants, weight); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestTargetsAddUpToTheBudget(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		calls := 1 + r.IntN(1500)
		wants := make([]spending.Want, 1+r.IntN(12))
		for i := range wants {
			of := map[string]budget.Flow{}
			for n := range r.IntN(5) {
				of[fmt.Sprint(n)] = budget.Flow{Used: r.Float64() * float64(r.IntN(2000)), Waiting: float64(r.IntN(3)) * r.Float64() * 50}
			}
			wants[i] = spending.Want{Flows: of, Small: r.Float64() * float64(r.IntN(500))}
		}
		got := spending.Allocate(calls, wants, func(name string) float64 { return float64(len(name)) })
		sum := 0
		for _, n := range got {
			sum += n
		}
		if sum != calls || slices.Min(got) < 0 {
			t.Fatalf("of %d slots %v are given for %+v", calls, got, wants)
		}
	}
}
