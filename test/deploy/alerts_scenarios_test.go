package deploy_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// rising is a counter that did not exist before, and rises every minute.
func rising(perMinute int) string { return fmt.Sprintf("0+%dx%d", perMinute, troubleMinutes) }

// furtherScenarios are those of alerts that tell of less than those of scenarios.
func furtherScenarios() map[string]scenario {
	const both = `,instance="BOTH"}`
	rpc, commit := `storekeeper_rpc_duration_seconds_bucket{`+call+`,code="OK",le=`, `storekeeper_store_commit_duration_seconds_bucket{result="ok",le=`
	return map[string]scenario{
		"Cloudflare takes long to answer": {
			trouble: map[string]string{
				rpc + `"0.05"` + both: stays(60 * wellMinutes), rpc + `"1"` + both: stays(60 * wellMinutes), rpc + `"5"` + both: stays(60 * wellMinutes),
				rpc + `"10"` + both: fmt.Sprintf("%d+60x%d", 60*(wellMinutes+1), troubleMinutes),
			},
			fires: []string{"StorekeeperUpstreamSlow"},
		},
		"a call ran into a mistake": {
			trouble: map[string]string{`storekeeper_panics_total{instance="r1"}`: stays(1)}, fires: []string{"StorekeeperPanic"},
		},
		"a record of the store is damaged": {
			trouble: map[string]string{`storekeeper_store_damaged_records_total{instance="r1"}`: stays(1)}, fires: []string{"StorekeeperStoreDamaged"},
		},
		"the disk is slow": {
			trouble: map[string]string{
				commit + `"0.005"` + both: stays(120 * wellMinutes), commit + `"0.25"` + both: stays(120 * wellMinutes),
				commit + `"0.5"` + both: fmt.Sprintf("%d+120x%d", 120*(wellMinutes+1), troubleMinutes),
			},
			fires: []string{"StorekeeperCommitsSlow"},
		},
		"the disk of the trail is nearly full": {
			trouble: map[string]string{`storekeeper_audit_disk_free_bytes{instance="r1"}`: stays(5e8)}, fires: []string{"StorekeeperAuditDiskShort"},
		},
		"the trail is in a database, which tells no free space": {
			trouble: map[string]string{`storekeeper_audit_disk_free_bytes{instance="BOTH"}`: stays(-1)},
		},
		"a caller is denied again and again": {
			trouble: map[string]string{`storekeeper_audit_denials_suppressed_total{instance="r1"}`: rising(5)}, fires: []string{"StorekeeperDenialsSuppressed"},
		},
		"the end of a change is not known": {
			trouble: map[string]string{`storekeeper_intents_open{instance="r1"}`: stays(5)}, fires: []string{"StorekeeperIntentsOpen"},
		},
		"an answer came after the lease of its change": {
			trouble: map[string]string{`storekeeper_changes_total{event="late",instance="r1"}`: stays(1)}, fires: []string{"StorekeeperChangeLate"},
		},
		"a third of the calls to Cloudflare fail": {
			trouble: map[string]string{`storekeeper_upstream_duration_seconds_count{operation="CreateSecrets",status_class="5xx"` + both: rising(30)},
			fires:   []string{"StorekeeperUpstreamFailing"},
		},
		"Cloudflare refuses calls beyond its limit": {
			trouble: map[string]string{`storekeeper_upstream_errors_total{operation="ListStores",reason="UPSTREAM_THROTTLED",instance="r1"}`: fmt.Sprintf("1+1x%d", troubleMinutes)},
			fires:   []string{"StorekeeperThrottled"},
		},
		"a credential is blocked": {
			trouble: map[string]string{`storekeeper_budget_blocked_seconds{credential="main",instance="r1"}`: stays(200)}, fires: []string{"StorekeeperBudgetBlocked"},
		},
		"a tenant writes more than it may": {
			trouble: map[string]string{`storekeeper_tenant_durable_refused_total{tenant="pay",instance="r1"}`: rising(5)}, fires: []string{"StorekeeperTenantWritesTooMuch"},
		},
		"a replica has no key of an issuer": {
			trouble: map[string]string{`storekeeper_issuer_keys{issuer="ci",instance="r2"}`: stays(0)}, fires: []string{"StorekeeperIssuerWithoutKeys"},
		},
	}
}

// allScenarios are those of both files.
func allScenarios() map[string]scenario {
	all := scenarios()
	maps.Copy(all, furtherScenarios())
	return all
}

func TestEachAlertFiresInAScenario(t *testing.T) {
	fires := map[string]bool{}
	for _, s := range allScenarios() {
		for _, alert := range s.fires {
			fires[alert] = true
		}
	}
	var alerts []string
	for _, r := range allRules(t) {
		if r.Alert != "" {
			alerts = append(alerts, r.Alert)
		}
	}
	slices.Sort(alerts)
	if want := slices.Sorted(maps.Keys(fires)); !slices.Equal(alerts, want) {
		t.Errorf("there are the alerts\n%v\nand these fire in scenarios\n%v", alerts, want)
	}
}
