package main

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
)

var usedCalls = regexp.MustCompile(`storekeeper_budget_used_calls\{credential="main"\} (\d+)`)

// used is how many calls of the budget are spent, as the metrics say.
func (p *program) used() int {
	p.t.Helper()
	_, page := p.page("/metrics")
	found := usedCalls.FindStringSubmatch(page)
	if found == nil {
		p.t.Fatal("the metrics do not say what of the budget is spent")
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// Cloudflare does not know of a restart, so earlier calls still count.
func TestARestartDoesNotSpendTheBudgetAgain(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"budget.calls=100", "budget.window=1h"}})
	w := p.given("store")
	for i := range 20 {
		p.must("POST", "stores/"+w.store+"/secrets", fmt.Sprintf(`[{"name":"N%d","value":"v","scopes":["dex"]}]`, i))
	}
	before := p.used()
	if before < 20 {
		t.Fatalf("%d calls are spent after 20 changes", before)
	}
	p.restart()
	if after := p.used(); after < before || after > before+2 {
		t.Errorf("%d calls are spent after a restart, and %d before it", after, before)
	}
}
