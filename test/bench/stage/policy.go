package stage

import (
	"fmt"
	"strings"
)

// policy returns rules of the kinds that a company has: most are for one team,
// some for a group or a workload, some for claims and stores, which must be
// evaluated for every caller. The rule that allows the callers of a measurement
// is the last.
func policy(rules int) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range rules - 1 {
		team := i % max(1, rules/10)
		var when string
		switch i % 10 {
		case 0, 1, 2, 3, 4, 5:
			when = fmt.Sprintf(`principal.tenant == "team-%d" && store == "team-%d" && secret.startsWith("T%d_")`, team, team, i)
		case 6, 7:
			when = fmt.Sprintf(`"team-%d-ci" in principal.groups && store == "team-%d" && scopes.all(s, s == "workers")`, team, team)
		case 8:
			when = fmt.Sprintf(`principal.name == "ci:repo:other/app-%d:environment:prod" && secret.startsWith("APP%d_")`, i, i)
		default:
			when = fmt.Sprintf(`principal.kind == "jwt" && store.startsWith("shared-%d-") && principal.claims.repository == "other/app-%d"`, i, i)
		}
		fmt.Fprintf(&b, "  - {id: rule-%d, actions: [\"secret.*\", store.create, store.get], when: '%s'}\n", i, when)
	}
	b.WriteString("  - {id: those-who-measure, actions: [\"secret.*\", store.create, store.get, quota.get, account.get], " +
		"when: '\"bench\" in principal.groups && account == \"main\"'}\n")
	return b.String()
}
