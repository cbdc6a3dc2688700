package stage

import (
	"strings"
	"testing"

	"platform.internal/storekeeper/test/bench/figure"
)

func TestMetric(t *testing.T) {
	text := []byte("# HELP go_memstats_mallocs_total x\ngo_memstats_mallocs_total 1.5e+06\ngo_memstats_mallocs_total_other 7\n")
	if got := metric(text, "go_memstats_mallocs_total"); got != 1.5e6 {
		t.Errorf("got %v", got)
	}
	if got := metric(text, "go_memstats"); figure.Known(got) {
		t.Errorf("the beginning of a name gave %v", got)
	}
}

func TestThePolicyHasAsManyRulesAsAskedForAndAllowsInTheLast(t *testing.T) {
	for _, rules := range []int{1, 10, 1000} {
		text := policy(rules)
		lines := strings.Split(strings.TrimSpace(text), "\n")[1:]
		if len(lines) != rules || !strings.Contains(lines[len(lines)-1], `"bench" in principal.groups`) {
			t.Errorf("%d rules are %d, the last is %s", rules, len(lines), lines[len(lines)-1])
		}
		if strings.Count(text, `"bench"`) != 1 {
			t.Errorf("of %d rules more than one is about those who measure", rules)
		}
	}
}

func TestEachPrincipalHasATokenOfItsOwn(t *testing.T) {
	i, err := NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := i.Tokens(6, 2)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, token := range tokens {
		seen[token] = true
	}
	if again, err := i.Tokens(6, 2); err != nil || again[5] != tokens[5] || len(seen) != 6 {
		t.Errorf("%d tokens of 6, made again: %v, %v", len(seen), again[5] != tokens[5], err)
	}
}

func TestAWorkerWithoutATokenIsThePlatform(t *testing.T) {
	if got := (&World{}).Token(3); got != platformToken {
		t.Errorf("got %q", got)
	}
	if got := (&World{Tokens: []string{"a", "b"}}).Token(3); got != "b" {
		t.Errorf("got %q", got)
	}
}
