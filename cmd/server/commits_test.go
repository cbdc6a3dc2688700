package main

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
)

// commitCount is the number of commits in the metrics page.
var commitCount = regexp.MustCompile(`(?m)^storekeeper_store_commit_duration_seconds_count\{result="ok"\} ([0-9]+)$`)

func (p *program) commits() int {
	p.t.Helper()
	_, page := p.page("/metrics")
	found := commitCount.FindStringSubmatch(page)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// TestEachChangeTakesTwoCommits counts the commits of each kind of change, with quotas and fingerprints. Other
// commits, such as of the budget, may come in between, so the fewest of some tries count.
func TestEachChangeTakesTwoCommits(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{
		emulator: wide, sets: []string{"quotas[0].tenant=*", "quotas[0].secrets=50", "quotas[0].stores=9", manyCalls, anyPace},
	})
	w := p.given("full")
	secrets := "stores/" + w.store + "/secrets"
	create := func(name string) string {
		p.must("POST", secrets, fmt.Sprintf(`[{"name":%q,"value":"v","scopes":["dex"]}]`, name))
		return secrets + "/" + p.idOf(w.store, name)
	}
	for kind, prepare := range map[string]func(name string) [3]string{
		"CreateStore": func(name string) [3]string { return [3]string{"POST", "stores", fmt.Sprintf(`{"name":%q}`, name)} },
		"CreateSecrets": func(name string) [3]string {
			return [3]string{"POST", secrets, fmt.Sprintf(`[{"name":%q,"value":"v","scopes":["dex"]}]`, name)}
		},
		"UpdateSecret": func(name string) [3]string { return [3]string{"PATCH", create(name), `{"value":"w"}`} },
		"DeleteSecret": func(name string) [3]string { return [3]string{"DELETE", create(name), ""} },
		"DuplicateSecret": func(name string) [3]string {
			return [3]string{"POST", secrets + "/" + w.secret + "/duplicate", fmt.Sprintf(`{"name":%q,"scopes":["dex"]}`, name)}
		},
		"DeleteSecrets": func(name string) [3]string {
			create(name)
			return [3]string{"DELETE", secrets, fmt.Sprintf(`{"ids":[%q]}`, p.idOf(w.store, name))}
		},
		"DeleteStore": func(name string) [3]string {
			p.must("POST", "stores", fmt.Sprintf(`{"name":%q}`, name))
			return [3]string{"DELETE", "stores/" + p.storeNamed(name) + "?force=true", ""}
		},
	} {
		fewest := 1 << 20
		for try := 0; try < 5 && fewest != 2; try++ {
			call := prepare(fmt.Sprintf("%s-%d", kind, try))
			before := p.commits()
			p.must(call[0], call[1], call[2])
			fewest = min(fewest, p.commits()-before)
			if kind == "CreateStore" {
				p.must("DELETE", "stores/"+p.storeNamed(fmt.Sprintf("%s-%d", kind, try)), "")
			}
		}
		if fewest != 2 {
			t.Errorf("%s takes %d commits", kind, fewest)
		}
	}
}
